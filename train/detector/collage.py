"""Views put together: heads cut out of one picture and put into another, four pictures in one."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.vision.boxes import Rows, areas
from train.detector.stored import Picture
from train.detector.views import View, view_of, within

PASTED = 4
"""Heads that are put into a view, at most."""
PASTED_SIZES = 12.0, 110.0
"""Sizes of their faces, pixels."""
ROOM = 2.2
"""Sides of a face that are cut out around it."""
HEAD = 1.15, 1.5
"""Times that what is put in is larger than the face's box."""
OVAL = 0.6
"""Share of the heads that are cut out as an oval, the others as a rectangle."""
HIDDEN = 0.12
"""Share of a face that a head may hide: more, and it goes elsewhere."""
CROSSING = 0.35, 0.65
"""Where the four pictures meet, as shares of the side."""

Choose = Callable[[], Picture]
"""Gives any picture."""


def draw_size(limits: tuple[float, float], rng: np.random.Generator) -> float:
    """Draw a size: as many small ones as large ones, in octaves."""
    return float(np.exp(rng.uniform(*np.log(limits))))


def with_heads(view: View, choose: Choose, rng: np.random.Generator) -> View:
    """Put a few heads into a view, where they hide no face.

    Args:
        view: to put them into.
        choose: whose heads.
        rng: draws how many, how large, where.
    """
    pixels = view.pixels.copy()
    boxes, points, masked, others = view.boxes, view.points, view.masked, view.others
    for _ in range(int(rng.integers(1, PASTED + 1))):
        size = draw_size(PASTED_SIZES, rng)
        side = min(view.side, int(size * ROOM))
        head = view_of(choose(), size, side, rng, (side / 2, side / 2))
        if not len(head.boxes):
            continue
        corner = rng.integers(0, view.side - side + 1, 2)
        cover, covered = _head(head.boxes[0], side, rng)
        if _hides(covered + np.tile(corner, 2), np.concatenate([boxes, others])):
            continue
        alpha = cv2.GaussianBlur(cover, (0, 0), max(0.6, size * 0.03))[:, :, None] / np.float32(255)
        x, y = corner.tolist()
        there = pixels[y : y + side, x : x + side]
        pixels[y : y + side, x : x + side] = there * (1 - alpha) + head.pixels * alpha
        boxes = np.concatenate([boxes, head.boxes[:1] + np.tile(corner, 2)])
        points = np.concatenate([points, head.points[:1] + corner])
        masked = np.concatenate([masked, head.masked[:1]])
        others = np.concatenate([others, head.boxes[1:] + np.tile(corner, 2)])
    return View(pixels, boxes, points, masked, others)


def four_in_one(
    side: int, choose: Choose, sizes: tuple[float, float], rng: np.random.Generator
) -> View:
    """Put four pictures side by side and one above the other.

    Args:
        side: of the view.
        choose: which pictures.
        sizes: of the faces that they are about, pixels.
        rng: draws where they meet, and all about each.
    """
    x, y = (round(side * rng.uniform(*CROSSING)) for _ in range(2))
    pixels = np.empty((side, side, 3), np.uint8)
    parts = []
    for left, right in ((0, x), (x, side)):
        for top, bottom in ((0, y), (y, side)):
            width, height = right - left, bottom - top
            middle = (width * rng.uniform(0.2, 0.8), height * rng.uniform(0.2, 0.8))
            size = draw_size(sizes, rng)
            part = view_of(choose(), size, max(width, height), rng, middle)
            pixels[top:bottom, left:right] = part.pixels[:height, :width]
            parts.append((within(part, width, height), np.array([left, top])))
    return View(
        pixels,
        np.concatenate([part.boxes + np.tile(corner, 2) for part, corner in parts]),
        np.concatenate([part.points + corner for part, corner in parts]),
        np.concatenate([part.masked for part, _ in parts]),
        np.concatenate([part.others + np.tile(corner, 2) for part, corner in parts]),
    )


def _head(box: Rows, side: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Rows]:
    """What covers a head (side x side, 0 or 255), and the box around that."""
    cover = np.zeros((side, side), np.uint8)
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * rng.uniform(*HEAD, 2)
    low, high = np.maximum(middle - half, 0), np.minimum(middle + half, side)
    if rng.random() < OVAL:
        axes = tuple(int(length) for length in half)
        cv2.ellipse(cover, tuple(int(at) for at in middle), axes, 0, 0, 360, 255, cv2.FILLED)
    else:
        cv2.rectangle(cover, low.astype(int).tolist(), high.astype(int).tolist(), 255, cv2.FILLED)
    return cover, np.concatenate([low, high])


def _hides(covered: Rows, boxes: Rows) -> bool:
    low, high = np.maximum(boxes[:, :2], covered[:2]), np.minimum(boxes[:, 2:], covered[2:])
    hidden = areas(np.hstack([low, high]))
    return bool((hidden > HIDDEN * areas(boxes)).any())
