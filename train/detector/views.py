"""A photo in the guises that a detector learns from: as it is, smaller, with masks drawn."""

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
    """Show photos as they are, smaller, and with masks drawn on their bare faces.

    Args:
        photos: of scenes and crops.
        rng: draws sizes and masks.
    """
    for photo in photos:
        plain = view(photo)
        if photo.is_crop:
            yield _crop(plain, rng)
        else:
            yield plain
            yield resized(plain, rng.uniform(*SHRUNK))
        if photo.landmarks and not photo.masked.all():
            dressed = with_masks(photo, plain, rng)
            yield _crop(dressed, rng) if photo.is_crop else dressed


def resized(plain: View, scale: float) -> View:
    """The same, smaller."""
    height, width = (max(1, round(length * scale)) for length in plain.pixels.shape[:2])
    pixels = cv2.resize(plain.pixels, (width, height), interpolation=cv2.INTER_AREA)
    boxes, others = plain.boxes * scale, plain.others * scale
    return View(np.asarray(pixels, np.uint8), boxes, plain.masked, others)


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
