"""A photo in the guises that a detector learns from.

As it is, smaller, turned, cut off, with masks drawn.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.values import Pixels, Point
from edge.vision.boxes import Rows
from train.detector.photos import Photo
from train.feed.masks import draw_mask

SHRUNK = 0.35, 0.9
"""Range of the scale at which a photo of a scene is shown once more."""
CROP_FACES = 18, 220
"""Sizes, in pixels, that the faces of crops are shown at: a crop's is larger than a scene's."""
TURNED = 30.0
"""Degrees that a photo is turned by, at most, to either side: people tilt their heads."""
CUT, CUT_OFF = 0.5, (0.1, 0.4)
"""Share of the turned photos that are cut off through a face, and shares of the face that goes."""
LEFT_OF_FACE = 0.55
"""Share of a face's box that must be in the picture for it to be learnt."""
AROUND = 0.6
"""Share of a face's size that is cut out beyond its box to draw a mask on."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A picture and what is in it, pixels of this picture."""

    pixels: Pixels
    boxes: Rows
    masked: NDArray[np.bool_]
    others: Rows
    """Neither faces to learn nor background."""


def view(photo: Photo) -> View:
    """The photo as it is judged."""
    pixels, scale = photo.read()
    return View(pixels, photo.boxes * scale, photo.masked, photo.others * scale)


def views(photos: Iterable[Photo], rng: np.random.Generator) -> Iterator[View]:
    """Show photos as they are, smaller, turned, and with masks drawn on their bare faces.

    Args:
        photos: of scenes and crops.
        rng: draws sizes, angles, edges and masks.
    """
    for photo in photos:
        plain = view(photo)
        if photo.is_crop:
            yield _crop(plain, rng)
            other = turned(_crop(plain, rng), rng.uniform(-TURNED, TURNED))
        else:
            yield plain
            yield resized(plain, rng.uniform(*SHRUNK))
            other = turned(plain, rng.uniform(-TURNED, TURNED))
        if len(other.boxes) and rng.random() < CUT:
            other = cut_off(other, rng)
        if len(other.boxes):
            yield other
        if photo.landmarks and not photo.masked.all():
            dressed = with_masks(photo, plain, rng)
            yield _crop(dressed, rng) if photo.is_crop else dressed


def resized(plain: View, scale: float) -> View:
    """The same, smaller."""
    height, width = (max(1, round(length * scale)) for length in plain.pixels.shape[:2])
    pixels = cv2.resize(plain.pixels, (width, height), interpolation=cv2.INTER_AREA)
    boxes, others = plain.boxes * scale, plain.others * scale
    return View(np.asarray(pixels, np.uint8), boxes, plain.masked, others)


def turned(plain: View, degrees: float) -> View:
    """The same, turned about its middle, counter-clockwise; what leaves the picture is cut off.

    A turned face gets an upright box of its own width and height, for that is how people draw.
    """
    height, width = plain.pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    # What a mirror at the edge would show could be faces that nobody labelled.
    pixels = cv2.warpAffine(
        plain.pixels, turn, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )

    def moved(boxes: Rows) -> Rows:
        middles, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
        there = middles @ turn[:, :2].T + turn[:, 2]
        return np.hstack([there - half, there + half])

    boxes, others = moved(plain.boxes), moved(plain.others)
    return _within(View(np.asarray(pixels, np.uint8), boxes, plain.masked, others))


def cut_off(plain: View, rng: np.random.Generator) -> View:
    """The same without what lies beyond a line through one of its faces."""
    height, width = plain.pixels.shape[:2]
    left, top, right, bottom = plain.boxes[rng.integers(len(plain.boxes))]
    gone = rng.uniform(*CUT_OFF)
    across, down = gone * (right - left), gone * (bottom - top)
    first, last = np.zeros(2, int), np.array([width, height])
    match rng.integers(3):  # Not above: a head that is cut off by the upper edge is rare.
        case 0:
            first[0] = int(left + across)
        case 1:
            last[0] = int(right - across)
        case _:
            last[1] = int(bottom - down)
    pixels = np.ascontiguousarray(plain.pixels[first[1] : last[1], first[0] : last[0]])
    moved = np.tile(first, 2)
    return _within(View(pixels, plain.boxes - moved, plain.masked, plain.others - moved))


def _within(plain: View) -> View:
    """The same with its boxes clipped.

    Faces of which too little is left are no longer looked for, nor are they background.
    """
    height, width = plain.pixels.shape[:2]
    edges = (width, height) * 2
    boxes, others = np.clip(plain.boxes, 0, edges), np.clip(plain.others, 0, edges)
    shares = _areas(boxes) / np.maximum(_areas(plain.boxes), 1e-9)
    kept = shares >= LEFT_OF_FACE
    others = np.concatenate([others, boxes[~kept & (shares > 0)]])
    return View(plain.pixels, boxes[kept], plain.masked[kept], others)


def _areas(boxes: Rows) -> NDArray[np.float64]:
    sides = boxes[:, 2:] - boxes[:, :2]
    return sides[:, 0] * sides[:, 1]


def with_masks(photo: Photo, plain: View, rng: np.random.Generator) -> View:
    """Draw a mask on each bare face whose landmarks are known."""
    pixels, masked = plain.pixels.copy(), plain.masked.copy()
    height, width = pixels.shape[:2]
    scale = plain.boxes[0, 2] / photo.boxes[0, 2]
    for row, marks in photo.landmarks.items():
        if masked[row]:
            continue
        box = plain.boxes[row]
        reach = AROUND * (box[2:] - box[:2]).max()
        left, top = np.maximum(box[:2] - reach, 0).astype(int)
        right, bottom = np.minimum(box[2:] + reach, (width, height)).astype(int)
        here = marks.moved(_into(scale, left, top))
        pixels[top:bottom, left:right] = draw_mask(pixels[top:bottom, left:right], here, rng)
        masked[row] = True
    return View(pixels, plain.boxes, masked, plain.others)


def _into(scale: float, left: float, top: float) -> Callable[[Point], Point]:
    """From a point of the photo to one of a part of it, shown at a scale."""
    return lambda at: (at[0] * scale - left, at[1] * scale - top)


def _crop(plain: View, rng: np.random.Generator) -> View:
    """A crop with its face at any size up to its own."""
    largest = (plain.boxes[:, 2:] - plain.boxes[:, :2]).max()
    size = np.exp(rng.uniform(*np.log(CROP_FACES)))
    return resized(plain, min(1.0, float(size / largest)))
