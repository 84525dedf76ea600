"""Things that are no faces, put into views as background.

Heads are put into views too, and whatever stands out from a plain wall would be a face if nothing
else did: a sign, a bag, a poster. So parts of pictures without a face are put in by the same edges,
and drawn signs.
"""

from dataclasses import replace

import cv2
import numpy as np

from edge.values import Pixels
from edge.vision.boxes import areas
from train.detector.collage import Choose, draw_size
from train.detector.signs import Cover, draw_sign
from train.detector.stored import Picture
from train.detector.views import View

MOST, SIZES = 4, (12.0, 150.0)
"""Things in a view, at most, and their sides, pixels of the view."""
SIGNS = 0.5
"""Share of the things that are signs; the others are parts of pictures."""
OVAL = 0.6
"""Share of these parts that are cut out as an oval, as heads are."""
PART, TRIES = (24.0, 400.0), 6
"""Sides of these parts, pixels of the picture; how often one without a face is looked for."""
BESIDE = 0.15
"""How far from a face they are cut, as share of its size."""
BADGE = 0.2, 0.5
"""Sides of a badge, as share of the width of the face below it."""


def with_things(view: View, choose: Choose, rng: np.random.Generator) -> View:
    """Put a few things into a view, where they hide no face.

    Args:
        view: to put them into.
        choose: pictures, parts of which are things.
        rng: draws what, how many, how large, where.
    """
    pixels = view.pixels.copy()
    taken = np.concatenate([view.boxes, view.others])
    for _ in range(int(rng.integers(1, MOST + 1))):
        side = min(view.side, int(draw_size(SIZES, rng)))
        left, top = rng.integers(0, view.side - side + 1, 2).tolist()
        if not _is_free(taken, left, top, side):
            continue
        sign = rng.random() < SIGNS
        _put(pixels, draw_sign(side, rng) if sign else _part(side, choose, rng), left, top)
    return replace(view, pixels=pixels)


def with_badges(view: View, rng: np.random.Generator) -> View:
    """Put a badge above each face, as on a cap: it is no face of its own."""
    pixels = view.pixels.copy()
    for left, top, right, _ in view.boxes:
        side = max(4, int((right - left) * rng.uniform(*BADGE)))
        x = int((left + right - side) / 2 + rng.normal(0, 0.1) * (right - left))
        y = int(top - side * rng.uniform(0.6, 1.2))
        if min(x, y) >= 0 and max(x, y) + side <= view.side:
            _put(pixels, draw_sign(side, rng), x, y)
    return replace(view, pixels=pixels)


def empty_view(side: int, choose: Choose, rng: np.random.Generator) -> View:
    """Show a wall: of one colour, of two that flow into each other, of spots, or out of a picture.

    Args:
        side: of the view.
        choose: pictures, parts of which without a face are shown.
        rng: draws which.
    """
    kind = rng.integers(4)
    if kind == 0:
        pixels = _part(side, choose, rng)[0]
    else:
        corners = 1 if kind == 1 else 2 if kind == 2 else int(rng.integers(3, 40))
        spots = rng.integers(0, 256, (corners, corners, 3), dtype=np.uint8)
        pixels = np.asarray(cv2.resize(spots, (side, side)), np.uint8)
    none = np.empty((0, 4))
    return View(pixels, none, np.empty((0, 5, 2)), np.empty(0, np.bool_), none)


def _part(side: int, choose: Choose, rng: np.random.Generator) -> tuple[Pixels, Cover]:
    """A part of a picture without a face, and how much of each pixel it covers."""
    cut = _faceless(choose, rng)
    shown = cv2.resize(cut, (side, side), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        shown = shown[:, ::-1]
    cover = np.zeros((side, side), np.uint8)
    edge = max(1, side // 16)
    if rng.random() < OVAL:
        axes = (side // 2 - edge, int((side // 2 - edge) * rng.uniform(0.7, 1)))
        turned = 90 if rng.random() < 0.7 else 0
        cv2.ellipse(cover, (side // 2, side // 2), axes, turned, 0, 360, 255, cv2.FILLED)
    else:
        cover[edge:-edge, edge:-edge] = 255
    soft = cv2.GaussianBlur(cover, (0, 0), max(0.6, side * 0.02))
    return np.asarray(shown, np.uint8), np.asarray(soft[:, :, None] / np.float32(255))


def _faceless(choose: Choose, rng: np.random.Generator) -> Pixels:
    """Cut a square without a face out of some picture; spots, where none is found."""
    for _ in range(TRIES):
        picture = choose()
        side = int(min(draw_size(PART, rng), *picture.sizes[0].shape[:2]))
        height, width = picture.sizes[0].shape[:2]
        left = int(rng.integers(0, width - side + 1))
        top = int(rng.integers(0, height - side + 1))
        if _is_free(_around_faces(picture), left, top, side):
            return picture.sizes[0][top : top + side, left : left + side]
    return rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)


def _around_faces(picture: Picture) -> np.ndarray:
    boxes = np.concatenate([picture.boxes, picture.others])
    beside = BESIDE * (boxes[:, 2:] - boxes[:, :2])
    return np.hstack([boxes[:, :2] - beside, boxes[:, 2:] + beside])


def _is_free(taken: np.ndarray, left: int, top: int, side: int) -> bool:
    low = np.maximum(taken[:, :2], (left, top))
    high = np.minimum(taken[:, 2:], (left + side, top + side))
    return not (areas(np.hstack([low, high])) > 0).any()


def _put(pixels: Pixels, thing: tuple[Pixels, Cover], left: int, top: int) -> None:
    """Put a thing into a picture; changes its pixels."""
    shown, cover = thing
    side = len(shown)
    there = pixels[top : top + side, left : left + side]
    pixels[top : top + side, left : left + side] = there * (1 - cover) + shown * cover
