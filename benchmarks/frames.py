"""Frames with known faces, from public-domain photos that ship with Python packages."""

import cv2
import numpy as np

from edge.demo.portraits import COLLINS, HOPPER, Portrait, find_photo
from edge.values import Pixels

WIDTH, HEIGHT = 640, 480
SPOTS = ((30, 40, 200), (250, 20, 160), (440, 30, 180), (80, 270, 190), (350, 250, 220))
"""Left, top and side of each head in a frame; the faces are 54 to 80 pixels wide."""


def astronaut() -> Pixels:
    """NASA's portrait of Eileen Collins, 512x512, RGB."""
    return _photo(COLLINS)


def grace_hopper() -> Pixels:
    """The US Navy's portrait of Grace Hopper, 512x606, RGB."""
    return _photo(HOPPER)


def portrait() -> Pixels:
    """The astronaut, as high as the frame, between grey bars."""
    frame = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    left = (WIDTH - HEIGHT) // 2
    frame[:, left : left + HEIGHT] = _resized(astronaut(), HEIGHT, HEIGHT)
    return frame


def group(faces: int) -> Pixels:
    """Up to five heads, two people in turn, before a blurred background.

    Args:
        faces: 1 to 5.
    """
    heads = astronaut()[:280, 90:370], grace_hopper()[:400, 70:470]
    frame = np.asarray(cv2.GaussianBlur(_resized(astronaut(), WIDTH, HEIGHT), (0, 0), 30), np.uint8)
    for number, (left, top, side) in enumerate(SPOTS[:faces]):
        frame[top : top + side, left : left + side] = _resized(heads[number % 2], side, side)
    return frame


def _photo(portrait: Portrait) -> Pixels:
    pixels = np.asarray(cv2.imread(str(find_photo(portrait))), np.uint8)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    smaller = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, np.uint8)
