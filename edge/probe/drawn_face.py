"""Simple faces, drawn: what a classifier is sure of, and what it is not, without a photo."""

import cv2
import numpy as np

from edge.values import Pixels

Colour = tuple[int, int, int]
"""RGB."""

SIDE = 64
"""Pixels that the measures below are of."""
BACKGROUND: Colour = (128, 128, 128)
HAIR: Colour = (50, 35, 25)
EYE: Colour = (40, 30, 30)
MOUTH: Colour = (120, 60, 60)
SKINS: tuple[Colour, ...] = ((224, 172, 140), (150, 100, 70))
MASKS: tuple[Colour | None, ...] = (None, (240, 240, 240), (20, 20, 20))
"""None: a bare face. A black mask leaves the shipped classifier in doubt, which tells best whether
two processors compute the same."""


def drawn_faces(size: tuple[int, int]) -> list[Pixels]:
    """Draw a face of each skin, bare and with each mask.

    Args:
        size: (width, height) of the pictures.

    Returns:
        RGB uint8.
    """
    return [
        np.asarray(cv2.resize(_face(skin, mask), size, interpolation=cv2.INTER_LINEAR), np.uint8)
        for skin in SKINS
        for mask in MASKS
    ]


def _face(skin: Colour, mask: Colour | None) -> Pixels:
    face = np.full((SIDE, SIDE, 3), BACKGROUND, np.uint8)
    cv2.ellipse(face, (32, 32), (20, 27), 0, 0, 360, skin, cv2.FILLED)
    cv2.ellipse(face, (32, 14), (20, 12), 0, 180, 360, HAIR, cv2.FILLED)
    for x in (24, 40):
        cv2.circle(face, (x, 27), 3, EYE, cv2.FILLED)
    red, green, blue = skin
    nose = (red * 4 // 5, green * 4 // 5, blue * 4 // 5)
    cv2.ellipse(face, (32, 38), (3, 4), 0, 0, 180, nose, 2)
    cv2.ellipse(face, (32, 48), (8, 3), 0, 0, 180, MOUTH, 2)
    if mask is not None:
        cv2.ellipse(face, (32, 47), (19, 14), 0, 0, 360, mask, cv2.FILLED)
    return np.asarray(cv2.GaussianBlur(face, (5, 5), 1), np.uint8)
