"""The GPU machine: datasets, models, training and evaluation."""
