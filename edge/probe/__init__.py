"""Measures what the nets run fastest on, here on this device, and remembers it."""
