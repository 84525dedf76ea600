"""Finds faces in a frame and tells who wears a mask."""
