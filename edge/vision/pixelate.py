"""Pixelate faces, so that a picture shows who is where and not who it is."""

from collections.abc import Iterable
from math import ceil, floor

import cv2
import numpy as np

from edge.values import Box, Pixels

BLOCKS = 6
"""Squares across the longer side of what is pixelated: a face is recognised from about 16 on."""
MARGIN = 0.4
"""Share of the longer side added around a face: hair, chin and ears tell who it is, too."""


def pixelate(pixels: Pixels, faces: Iterable[Box]) -> Pixels:
    """Cover each face, and some room around it, with a few squares of its mean colours.

    Args:
        pixels: RGB uint8, height x width x 3; stays as it is.
        faces: in pixels of the picture; may reach beyond it.

    Returns:
        A copy; what was covered cannot be brought back from it.
    """
    covered: Pixels = pixels.copy()
    # All are cut from the picture as it was: where faces overlap, none shows through.
    for face in faces:
        left, top, right, bottom = _around(face, pixels)
        if left < right and top < bottom:
            part = pixels[top:bottom, left:right]
            covered[top:bottom, left:right] = _in_blocks(part)
    return covered


def _around(face: Box, pixels: Pixels) -> tuple[int, int, int, int]:
    height, width = pixels.shape[:2]
    room = max(face.width, face.height) * MARGIN / 2
    return (
        max(0, floor(face.left - room)),
        max(0, floor(face.top - room)),
        min(width, ceil(face.right + room)),
        min(height, ceil(face.bottom + room)),
    )


def _in_blocks(part: Pixels) -> Pixels:
    height, width = part.shape[:2]
    side = max(height, width) / BLOCKS
    small = max(1, round(width / side)), max(1, round(height / side))
    means = cv2.resize(part, small, interpolation=cv2.INTER_AREA)
    blocks = cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(blocks, np.uint8)
