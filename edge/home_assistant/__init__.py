"""Home Assistant: the device describes itself, so that nobody has to."""
