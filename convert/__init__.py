"""From Keras models to the TFLite bundles that the device runs."""
