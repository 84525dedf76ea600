"""How the detector looks at a frame: whole at smaller sizes, and at squares of it.

Quick sampling stays in bytes and takes each size from one about as small. Exact sampling computes
in floats what TensorFlow does for the `mtcnn` package: there, a rounding of half a grey level is
enough to let another of several equally good boxes win, and the face moves by a pixel or two.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.boxes import Rows
from edge.values import Pixels

Floats = NDArray[np.float32]
Picture = Pixels | Floats
"""Pixel values 0..255, height x width x 3; floats where fractions matter."""
Size = tuple[int, int]
"""(width, height)."""

CHUNK = 16
"""Squares that exact sampling works on at once; more no longer fit a processor's cache."""


class Sampling(Protocol):
    """Smaller versions of a frame, and squares cut out of it."""

    def levels(self, pixels: Pixels, sizes: Iterable[Size]) -> Iterator[Picture]:
        """The frame at each size, given from large to small."""
        ...

    def patches(self, pixels: Pixels, boxes: Rows, side: int) -> Iterator[Picture]:
        """The inside of each box, resized to side x side; grey where it leaves the frame.

        A patch may be reused for the next one.
        """
        ...


class QuickSampling:
    """Bytes, made from the nearest size that is at hand."""

    def __init__(self, outside: float) -> None:
        """Set the grey value, 0..255, of what lies outside the frame."""
        self._outside = (round(outside),) * 3

    def levels(self, pixels: Pixels, sizes: Iterable[Size]) -> Iterator[Picture]:
        """Halve while it can be halved, then interpolate: bilinear is fair for less than half."""
        octave = pixels
        for width, height in sizes:
            while octave.shape[1] >= 2 * width and octave.shape[0] >= 2 * height:
                half = octave.shape[1] // 2, octave.shape[0] // 2
                octave = np.asarray(
                    cv2.resize(octave, half, interpolation=cv2.INTER_AREA), np.uint8
                )
            yield np.asarray(cv2.resize(octave, (width, height)), np.uint8)

    def patches(self, pixels: Pixels, boxes: Rows, side: int) -> Iterator[Picture]:
        """Bilinear, to the 32nd of a pixel that OpenCV's warpAffine resolves."""
        patch = np.empty((side, side, 3), np.uint8)
        start, step = _grid(pixels, boxes, side)
        matrices = np.zeros((len(boxes), 2, 3))
        matrices[:, 0, 0], matrices[:, 1, 1] = step.T
        matrices[:, :, 2] = start
        for matrix in matrices:
            cv2.warpAffine(
                pixels,
                matrix,
                (side, side),
                dst=patch,
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=self._outside,
            )
            yield patch


class ExactSampling:
    """Floats, each size made from the frame itself."""

    def __init__(self, outside: float) -> None:
        """Set the grey value, 0..255, of what lies outside the frame."""
        self._outside = np.float32(outside)

    def levels(self, pixels: Pixels, sizes: Iterable[Size]) -> Iterator[Picture]:
        """Average over the area that each pixel covers, down the columns, then along the rows.

        The columns are summed up once; OpenCV would sum them again for each size.
        """
        height, width = pixels.shape[:2]
        rows = pixels.reshape(height, -1)
        # Sums of bytes are whole numbers, and exact in float32 for up to 65,793 rows.
        sums = np.empty((height + 1, rows.shape[1]), np.float32)
        sums[0] = 0
        for above, row, below in zip(sums, rows, sums[1:], strict=False):
            np.add(above, row, out=below)
        for level_width, level_height in sizes:
            band = _row_averages(rows, sums, level_height).reshape(level_height, width, 3)
            level = cv2.resize(band, (level_width, level_height), interpolation=cv2.INTER_AREA)
            yield np.asarray(level, np.float32)

    def patches(self, pixels: Pixels, boxes: Rows, side: int) -> Iterator[Picture]:
        """Bilinear, as TensorFlow's crop_and_resize."""
        for first in range(0, len(boxes), CHUNK):
            yield from self._chunk(pixels, boxes[first : first + CHUNK], side)

    def _chunk(self, pixels: Pixels, boxes: Rows, side: int) -> Floats:
        height, width = pixels.shape[:2]
        start, step = _grid(pixels, boxes, side)
        x, y = (start[:, :, None] + step[:, :, None] * np.arange(side)).transpose(1, 0, 2)
        inside = ((y >= 0) & (y <= height - 1))[:, :, None] & ((x >= 0) & (x <= width - 1))[:, None]
        left, right, to_right = _neighbours(x, width)
        above, below, to_below = _neighbours(y, height)
        flat = pixels.reshape(-1, 3)

        def gather(row: NDArray[np.intp], column: NDArray[np.intp]) -> Floats:
            where = row[:, :, None] * width + column[:, None, :]
            return np.asarray(flat.take(where, axis=0), np.float32)

        to_right, to_below = to_right[:, None, :, None], to_below[:, :, None, None]
        upper, lower = gather(above, left), gather(below, left)
        upper += (gather(above, right) - upper) * to_right
        lower += (gather(below, right) - lower) * to_right
        upper += (lower - upper) * to_below
        upper[~inside] = self._outside
        return upper


def _grid(pixels: Pixels, boxes: Rows, side: int) -> tuple[Rows, Rows]:
    """Where the samples of each box begin and how far apart they are, both n x (x, y).

    As the package calls crop_and_resize: from the box's left to its right inclusive, both times
    (width - 1) / width; so for the rows.
    """
    height, width = pixels.shape[:2]
    shrink = np.array([(width - 1) / width, (height - 1) / height])
    return boxes[:, :2] * shrink, (boxes[:, 2:] - boxes[:, :2]) * shrink / (side - 1)


def _row_averages(rows: Pixels, sums: Floats, count: int) -> Floats:
    """Divide rows of bytes into `count` bands of equal height and average each."""
    height = len(rows)
    edges = np.arange(count + 1) * (height / count)
    whole = np.minimum(edges.astype(np.intp), height)
    part = (edges - whole).astype(np.float32)[:, None]
    below = sums.take(whole, axis=0)
    cut = rows.take(whole, axis=0, mode="clip") * part
    bands = below[1:] - below[:-1]
    bands += cut[1:]
    bands -= cut[:-1]
    bands *= np.float32(count / height)
    return bands


def _neighbours(
    places: NDArray[np.float64], length: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """The whole places before and after each place, and how far it lies between them, 0..1."""
    before = np.clip(np.floor(places), 0, length - 1)
    after = np.minimum(before + 1, length - 1)
    return before.astype(np.intp), after.astype(np.intp), (places - before).astype(np.float32)
