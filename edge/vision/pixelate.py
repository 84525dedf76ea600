"""Pixelate faces, so that a picture shows who is where and not who it is."""

from collections.abc import Iterable
from math import ceil, floor

import cv2
import numpy as np

from edge.values import Box, Pixels

BLOCKS = 4
"""Squares along the longer side of a face. Networks that know whom to expect have recognised people
behind finer mosaics; so few leave little more than skin and mask."""
MARGIN = 0.4
"""Share of the longer side added around a face: hair, chin and ears tell who it is, too."""


def pixelate(pixels: Pixels, faces: Iterable[Box]) -> Pixels:
    """Cover each face, and some room around it, with a few squares of its mean colours.

    Args:
        pixels: RGB uint8, height x width x 3; stays as it is.
        faces: in pixels of the picture; may reach beyond it. Who nobody found is not covered.

    Returns:
        A copy; what was covered cannot be brought back from it.
    """
    covered: Pixels = pixels.copy()
    # All are cut from the picture as it was: where faces overlap, none shows through.
    for face in faces:
        left, top, right, bottom = _around(face, pixels)
        if left < right and top < bottom:
            part = pixels[top:bottom, left:right]
            # By the whole face, so that one cut off by the border is covered no finer.
            covered[top:bottom, left:right] = _in_blocks(part, _longer_side(face) / BLOCKS)
    return covered


def _longer_side(face: Box) -> float:
    return max(face.width, face.height)


def _around(face: Box, pixels: Pixels) -> tuple[int, int, int, int]:
    height, width = pixels.shape[:2]
    room = _longer_side(face) * MARGIN / 2
    return (
        max(0, floor(face.left - room)),
        max(0, floor(face.top - room)),
        min(width, ceil(face.right + room)),
        min(height, ceil(face.bottom + room)),
    )


def _in_blocks(part: Pixels, side: float) -> Pixels:
    """The part as squares of at least this many pixels a side."""
    height, width = part.shape[:2]
    small = max(1, floor(width / side)), max(1, floor(height / side))
    means = cv2.resize(part, small, interpolation=cv2.INTER_AREA)
    blocks = cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(blocks, np.uint8)
