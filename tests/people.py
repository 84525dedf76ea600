"""Frames, faces and tracks for tests of the tracking and the decision."""

import numpy as np

from edge.values import Box, Face, Frame, Landmarks, Track

RATE = 10.0
"""Frames per second of the made-up camera."""


def frame(number: int) -> Frame:
    pixels = np.zeros((480, 640, 3), np.uint8)
    return Frame(pixels, "entrance", number, 100 + number / RATE, 1_000_000 + number / RATE)


def face(x: float, y: float = 200, size: float = 60) -> Face:
    """A frontal face whose centre is at (x, y)."""
    box = Box(x - size / 2, y - size / 2, x + size / 2, y + size / 2)
    fifth = size / 5
    landmarks = Landmarks(
        (x - fifth, y - fifth),
        (x + fifth, y - fifth),
        (x, y),
        (x - fifth, y + fifth),
        (x + fifth, y + fifth),
    )
    return Face(box, 0.99, landmarks)


def track(number: int = 1, x: float = 300, hits: int = 10) -> Track:
    seen = face(x)
    return Track(number, seen.box, seen, first_seen=100, last_seen=101, hits=hits)
