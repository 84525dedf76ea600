"""Makes a view as bad as an entrance may be: things before faces, light, blur, noise."""

from dataclasses import replace

import cv2
import numpy as np

from edge.values import Pixels
from edge.vision.boxes import Rows
from train.detector.collage import Choose
from train.detector.views import View
from train.feed.augment import compressed, dotted, lit, lit_from_one_side, noisy, shaken
from train.feed.occluders import with_occluder

OCCLUDED = 0.2
"""Share of the faces before which something is put: a hand, a phone, somebody, a cap, goggles."""
CAPS = 0.3
"""Share of these that are a cap or goggles."""
HIGHEST = 0.45
"""How far up the others may reach, from the top of the cut."""
CUT = 1.5
"""Side of the square cut around a face to put something before it, in faces."""
SMALLEST_CUT = 14
"""Pixels of the smallest such square."""
OTHER = 128
"""Side of the picture whose parts are put before a face."""
UNSHARP = 0.25
"""Share of the views in which a face is out of focus."""
BLUR = (0.02, 0.1)
"""How far out of focus, as the deviation of a Gaussian in sizes of the face; from the larger one on
people see no more than that there is a head."""
HAZE, SOFT = (0.7, 1.4), 0.15
"""How far from the middle of a face it is blurred, in its sides, where not all of the view is; and
the deviation of the edge, in sizes of the face."""


def disturbed(view: View, choose: Choose, rng: np.random.Generator) -> View:
    """Disturb a view; what is in it stays what it is.

    Args:
        view: as it is.
        choose: gives pictures, parts of which are put before faces.
        rng: draws what happens.
    """
    pixels = view.pixels.copy()
    for box in view.boxes[rng.random(len(view.boxes)) < OCCLUDED]:
        _put_before(pixels, box, choose, rng)
    if len(view.boxes) and rng.random() < UNSHARP:
        pixels = out_of_focus(pixels, view.boxes, rng)
    for chance, change in (
        (0.12, shaken),
        (0.15, lit_from_one_side),
        (0.9, lit),
        (0.12, _dark),
        (0.15, noisy),
        (0.25, compressed),
    ):
        if rng.random() < chance:
            pixels = change(pixels, rng)
    return replace(view, pixels=np.ascontiguousarray(pixels))


def _put_before(pixels: Pixels, box: np.ndarray, choose: Choose, rng: np.random.Generator) -> None:
    """Put something before a face; changes the pixels."""
    side = int((box[2:] - box[:2]).max() * CUT)
    left, top = ((box[:2] + box[2:] - side) / 2).astype(int).tolist()
    inside = min(left, top) >= 0 and max(left, top) + side <= len(pixels)
    if side < SMALLEST_CUT or not inside:
        return
    here = slice(top, top + side), slice(left, left + side)
    cut = np.ascontiguousarray(pixels[here])
    pixels[here] = (
        dotted(cut, rng)
        if rng.random() < CAPS
        else with_occluder(cut, HIGHEST, _other(choose), rng)
    )


def out_of_focus(pixels: Pixels, boxes: Rows, rng: np.random.Generator) -> Pixels:
    """Blur by the size of a face: `shaken` blurs by pixels, which hardly harms a large one.

    Args:
        pixels: the view.
        boxes: of its faces, at least one.
        rng: draws whether all of the view is blurred, by its smallest face so that none is lost,
            or one face and what is around it; and by how much.
    """
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    whole = rng.random() < 0.5
    row = int(sides.argmin()) if whole else int(rng.integers(len(boxes)))
    blurred = cv2.GaussianBlur(pixels, (0, 0), max(0.3, sides[row] * rng.uniform(*BLUR)))
    if whole:
        return np.asarray(blurred, np.uint8)
    cover = np.zeros(pixels.shape[:2], np.uint8)
    middle = (boxes[row, :2] + boxes[row, 2:]) / 2
    axes = (boxes[row, 2:] - boxes[row, :2]) * rng.uniform(*HAZE)
    cv2.ellipse(cover, (middle.tolist(), (2 * axes).tolist(), 0.0), 255, cv2.FILLED)
    soft = cv2.GaussianBlur(cover, (0, 0), max(0.5, sides[row] * SOFT))
    share = soft[:, :, None] / np.float32(255)
    return np.asarray(pixels * (1 - share) + blurred * share, np.uint8)


def _other(choose: Choose) -> Pixels:
    pixels = choose().sizes[-1]
    side = min(pixels.shape[:2])
    return np.asarray(cv2.resize(pixels[:side, :side], (OTHER, OTHER)), np.uint8)


def _dark(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A face before a window, or at night."""
    light = np.linspace(0, 1, 256) ** rng.uniform(1.2, 3.0) * rng.uniform(0.3, 1.0)
    return np.asarray(cv2.LUT(pixels, (light * 255).astype(np.uint8)), np.uint8)
