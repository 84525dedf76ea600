"""What a device is given for its first boot."""
