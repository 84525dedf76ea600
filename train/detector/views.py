"""A picture as the detector is shown it in training: a square part, at some size and angle."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.values import Landmarks, Pixels
from edge.vision.boxes import Rows, areas
from train.detector.stored import Picture
from train.feed.masks import draw_mask

UPSCALED = 2.2
"""Times that a photo is enlarged, at most: what is larger is only blurred."""
SHARP = 1.2
"""Times that a halved size may be enlarged before the next larger one is taken."""
TURNED, ANGLE, MOST = 0.5, 12.0, 40.0
"""Share of the views that are turned, and by how much: deviation and limit, degrees."""
STRETCHED = 0.12
"""Deviation of the logarithm of the sides' proportion."""
LEFT_OF_FACE = 0.5
"""Share of a face's box that must be in the view for it to be learnt."""
FEWEST = 9.0
"""Pixels of the smallest face learnt; smaller ones are neither faces nor background."""
BARE = 2.5
"""How much more often a bare face than a masked one of the same photo is what a view is about."""
NARROW = 3.0
"""How much more often a narrow face than another one of the same photo is what a view is about."""
MASKS, DRAWN = 0.3, 0.7
"""Share of the views in which bare faces get masks, and share of these faces that get one."""
AROUND = 0.6
"""Share of a face's size that is cut out beyond its box to draw a mask on."""
MIRRORED = (1, 0, 2, 4, 3)
"""Landmarks in a mirror: left and right eye, and ends of the mouth, change names."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A square picture and what is in it, in its pixels."""

    pixels: Pixels
    boxes: Rows
    points: NDArray[np.float64]
    """Of each face, 5 x (x, y); not a number where not known."""
    masked: NDArray[np.bool_]
    """Whether it wore a mask in the photo: whoever found its landmarks guessed some of them. A mask
    that is drawn hides nothing from us."""
    others: Rows
    """Neither faces to learn nor background."""

    @property
    def side(self) -> int:
        """Pixels."""
        return len(self.pixels)


def view_of(
    picture: Picture,
    size: float,
    side: int,
    rng: np.random.Generator,
    middle: tuple[float, float] | None = None,
) -> View:
    """Show a part of a picture in which one of its faces has about a size.

    Args:
        picture: with at least one face.
        size: of that face, pixels of the view.
        side: of the view.
        rng: draws the face, the angle, the mirror, masks, and what lies outside the picture.
        middle: where the face's middle is to be; anywhere when None.
    """
    chances = np.where(picture.masked, 1.0, BARE) * np.where(picture.narrow, NARROW, 1.0)
    row = int(rng.choice(len(chances), p=chances / chances.sum()))
    scale = float(np.clip(size / picture.face_sizes[row], 0.05, UPSCALED))
    pixels, halved = _fitting(picture, scale)
    turn = _turn(scale, rng)
    corners = picture.boxes[row]
    at = rng.uniform(0.08, 0.92, 2) * side if middle is None else np.array(middle)
    shift = at - turn @ ((corners[:2] + corners[2:]) / 2)
    if not picture.masked.all() and rng.random() < MASKS:
        pixels = _with_masks(picture, pixels, halved, rng)
    shown = _warped(pixels, np.hstack([turn / halved, shift[:, None]]), side, rng)
    stretch = np.linalg.norm(turn, axis=0)
    view = View(
        shown,
        _moved(picture.boxes, turn, shift, stretch),
        picture.points @ turn.T + shift,
        picture.masked,
        _moved(picture.others, turn, shift, stretch),
    )
    if rng.random() < 0.5:
        view = _mirrored(view)
    return within(view)


def within(view: View, width: float | None = None, height: float | None = None) -> View:
    """The same without what lies outside it.

    Of faces of which too little is left nothing is learnt.

    Args:
        view: whose boxes may reach beyond it.
        width: of the part that remains; all of it when None.
        height: as `width`.
    """
    edges = np.array([width or view.side, height or view.side] * 2, float)
    boxes, others = np.clip(view.boxes, 0, edges), np.clip(view.others, 0, edges)
    seen = areas(boxes)
    large = (view.boxes[:, 2:] - view.boxes[:, :2]).max(axis=1, initial=0) >= FEWEST
    kept = (seen >= LEFT_OF_FACE * areas(view.boxes)) & large & (seen > 0)
    others = np.concatenate([others[areas(others) > 0], boxes[~kept & (seen > 0)]])
    return View(view.pixels, boxes[kept], view.points[kept], view.masked[kept], others)


def _fitting(picture: Picture, scale: float) -> tuple[Pixels, NDArray[np.float64]]:
    """The smallest size that is not enlarged by much, and how large it is, across and down."""
    chosen = picture.sizes[0]
    for number, pixels in enumerate(picture.sizes):
        if scale * 2**number > SHARP and number:
            break
        chosen = pixels
    return chosen, np.divide(chosen.shape[1::-1], picture.sizes[0].shape[1::-1])


def _turn(scale: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Scale, stretch and turn, 2 x 2."""
    turned = rng.random() < TURNED
    angle = math.radians(np.clip(rng.normal(0, ANGLE), -MOST, MOST)) if turned else 0.0
    stretch = np.exp(rng.normal(0, STRETCHED))
    sides = np.diag([scale * stretch, scale / stretch])
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.asarray(np.array([[cosine, sine], [-sine, cosine]]) @ sides, np.float64)


def _warped(
    pixels: Pixels, matrix: NDArray[np.float64], side: int, rng: np.random.Generator
) -> Pixels:
    """The picture, and around it one colour, or its edges drawn out."""
    plain = rng.random() < 0.5
    shown = cv2.warpAffine(
        pixels,
        matrix,
        (side, side),
        flags=cv2.INTER_LINEAR,
        # What a mirror at the edge would show could be faces that nobody labelled.
        borderMode=cv2.BORDER_CONSTANT if plain else cv2.BORDER_REPLICATE,
        borderValue=[float(value) for value in rng.integers(0, 256, 3)],
    )
    return np.asarray(shown, np.uint8)


def _moved(
    boxes: Rows, turn: NDArray[np.float64], shift: NDArray[np.float64], stretch: NDArray[np.float64]
) -> Rows:
    """A turned face gets an upright box of its own sides, for that is how people draw."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2 @ turn.T + shift
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 * stretch
    return np.hstack([middles - half, middles + half])


def _mirrored(view: View) -> View:
    def turned(boxes: Rows) -> Rows:
        return np.column_stack(
            [view.side - boxes[:, 2], boxes[:, 1], view.side - boxes[:, 0], boxes[:, 3]]
        )

    points = view.points[:, MIRRORED] * (-1, 1) + (view.side, 0)
    pixels = np.ascontiguousarray(view.pixels[:, ::-1])
    return replace(
        view,
        pixels=pixels,
        boxes=turned(view.boxes),
        points=points,
        others=turned(view.others),
    )


def _with_masks(
    picture: Picture, pixels: Pixels, halved: NDArray[np.float64], rng: np.random.Generator
) -> Pixels:
    """Draw masks on bare faces whose landmarks are known."""
    drawn = pixels.copy()
    height, width = drawn.shape[:2]
    for row in np.flatnonzero(~picture.masked & ~np.isnan(picture.points[:, 0, 0])):
        box = picture.boxes[row] * np.tile(halved, 2)
        reach = AROUND * (box[2:] - box[:2]).max()
        left, top = np.maximum(box[:2] - reach, 0).astype(int)
        right, bottom = np.minimum(box[2:] + reach, (width, height)).astype(int)
        if min(right - left, bottom - top) < FEWEST or rng.random() > DRAWN:
            continue
        points = picture.points[row] * halved - (left, top)
        marks = Landmarks(*map(tuple, points.tolist()))
        drawn[top:bottom, left:right] = draw_mask(drawn[top:bottom, left:right], marks, rng)
    return np.asarray(drawn, np.uint8)
