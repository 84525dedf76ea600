"""Tells masked faces from bare ones without labels: the paper's way, and one that works."""
