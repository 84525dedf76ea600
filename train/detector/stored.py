"""Photos for a training: read once, kept as pixels in a mapped file, with each halved size."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from edge.values import Pixels
from edge.vision.boxes import Rows, overlaps
from train.detector.photos import Photo

SMALLEST_SIDE = 100
"""Pixels of the longer side down to which a photo is halved."""

NARROW = 0.7
"""Width of a face, in heights, below which it is in profile, turned away or cut off at a side."""

ANOTHER = 0.3
"""Overlap with every labelled face below which a face is another one."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A photo's pixels, and where its faces are in them."""

    sizes: Sequence[Pixels]
    """As it was read, and halved again and again; mapped, not to be changed."""
    boxes: Rows
    points: NDArray[np.float64]
    """Of each face, 5 x (x, y) in the order of `Landmarks`; not a number where not known."""
    masked: NDArray[np.bool_]
    others: Rows
    """Neither faces nor background."""

    @property
    def face_sizes(self) -> NDArray[np.float64]:
        """Longer sides."""
        return np.asarray((self.boxes[:, 2:] - self.boxes[:, :2]).max(axis=1), np.float64)

    @property
    def narrow(self) -> NDArray[np.bool_]:
        """Of each face, whether it is much higher than wide: few are, and they are hard to find."""
        width, height = (self.boxes[:, 2:] - self.boxes[:, :2]).T
        return np.asarray(width < NARROW * height, np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Photos ready to be shown: those of scenes, and crops with one face each."""

    scenes: Sequence[Picture]
    crops: Sequence[Picture]


def store(photos: Sequence[Photo], file: Path, known: Callable[[Pixels], Rows]) -> Stored:
    """Read photos into a file, which lives as long as the training: pixels take no memory then.

    Args:
        photos: each with at least one face.
        file: to write; replaced if it is there.
        known: faces that another detector is sure of: where nobody labelled them they are no
            background, for not every face in a crowd is labelled.

    Raises:
        MaskGateError: a photo cannot be read.
        OSError: the file cannot be written.
    """
    shapes: list[list[tuple[int, ...]]] = []
    pictures: list[tuple[Photo, float, Rows]] = []
    file.parent.mkdir(parents=True, exist_ok=True)
    with (
        file.open("wb") as pixels,
        click.progressbar(photos, label="reading photos", file=sys.stderr) as bar,
    ):
        for photo in bar:
            read, scale = photo.read()
            sizes = _halved(read)
            for size in sizes:
                pixels.write(size.tobytes())
            shapes.append([size.shape for size in sizes])
            pictures.append((photo, scale, known(read)))
    mapped = np.memmap(file, np.uint8, "r")
    scenes: list[Picture] = []
    crops: list[Picture] = []
    start = 0
    for (photo, scale, faces), of_sizes in zip(pictures, shapes, strict=True):
        sizes = []
        for shape in of_sizes:
            end = start + int(np.prod(shape))
            sizes.append(mapped[start:end].reshape(shape))
            start = end
        (crops if photo.is_crop else scenes).append(_picture(photo, sizes, scale, faces))
    return Stored(scenes, crops)


def _picture(photo: Photo, sizes: Sequence[Pixels], scale: float, known: Rows) -> Picture:
    points = np.full((len(photo.boxes), 5, 2), np.nan)
    for row, marks in photo.landmarks.items():
        points[row] = marks.points
    boxes = photo.boxes * scale
    unlabelled = known[overlaps(known, boxes).max(axis=1) < ANOTHER]
    others = np.concatenate([photo.others * scale, unlabelled])
    return Picture(sizes, boxes, points * scale, photo.masked, others)


def _halved(pixels: Pixels) -> list[Pixels]:
    sizes = [pixels]
    while max(pixels.shape[:2]) >= 2 * SMALLEST_SIDE and min(pixels.shape[:2]) > 1:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), np.uint8)
        sizes.append(pixels)
    return sizes
