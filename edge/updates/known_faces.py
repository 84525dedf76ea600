"""Faces of which it is known how they wear their masks: what a new bundle is tried on.

The two persons of the demo, each bare and with a drawn mask, in one small picture that every device
has.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from edge.errors import MaskGateError
from edge.values import Box, Pixels

SHEET: Final = Path(__file__).with_name("known_faces.jpg")
SIDE: Final = 240
"""Pixels of a face's picture, which is square."""
BACKGROUND: Final = (176, 180, 186)
"""RGB, behind the persons."""
_BOX: Final = Box(71, 60, 168, 177)
"""Where the face is in each picture: the middle of what the two shipped detectors find."""
_LABELS: Final = ("face_no_mask", "face_with_mask")
"""Of the pictures in a row."""
_LIGHTS: Final = (1.0, 0.6)


@dataclass(frozen=True, slots=True)
class KnownFace:
    """A picture of one face, and what is right to say of it."""

    pixels: Pixels
    box: Box
    label: str


def known_faces() -> list[KnownFace]:
    """Read the faces: each as it is and mirrored, in good light and in poor.

    Raises:
        MaskGateError: the picture is missing or damaged.
    """
    sheet = cv2.imread(str(SHEET), cv2.IMREAD_COLOR)
    if sheet is None or sheet.shape != (2 * SIDE, 2 * SIDE, 3):
        raise MaskGateError(f"known faces {SHEET}: missing or damaged; install maskgate again")
    rgb = np.asarray(sheet[:, :, ::-1], np.uint8)
    return [
        face for row, column in product(range(2), range(2)) for face in _views(rgb, row, column)
    ]


def empty_picture() -> Pixels:
    """A picture without any face."""
    return np.full((SIDE, SIDE, 3), BACKGROUND, np.uint8)


def _views(sheet: Pixels, row: int, column: int) -> Iterator[KnownFace]:
    tile = sheet[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
    mirrored = Box(SIDE - _BOX.right, _BOX.top, SIDE - _BOX.left, _BOX.bottom)
    for (pixels, box), light in product(((tile, _BOX), (tile[:, ::-1], mirrored)), _LIGHTS):
        lit = np.ascontiguousarray(pixels * np.float32(light), dtype=np.uint8)
        yield KnownFace(lit, box, _LABELS[column])
