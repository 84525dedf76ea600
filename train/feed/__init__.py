"""What a training is shown: augmented faces in batches."""
