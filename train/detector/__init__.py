"""Teaches MTCNN's three nets faces behind masks."""
