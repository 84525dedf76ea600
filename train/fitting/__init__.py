"""Training itself: devices, epochs, checkpoints."""
