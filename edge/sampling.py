"""How the detector looks at a frame: whole at smaller sizes, and at squares of it.

Quick sampling stays in bytes and takes each size from one about as small. Exact sampling computes
in floats what TensorFlow does for the `mtcnn` package: there, a rounding of half a grey level is
enough to let another of several equally good boxes win, and the face moves by a pixel or two.
"""

import itertools
from collections.abc import Iterator, Sequence
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

CHUNK, BAND = 32 * 24 * 24, 24
"""Pixels of patches, and rows of a level, that exact sampling makes at once.

Less, and calling NumPy costs more than its work; more, and the work outgrows the cache.
"""


class Sampling(Protocol):
    """Smaller versions of a frame, and squares cut out of it; held ready for one frame size.

    What it gives is overwritten by what it gives next.
    """

    def levels(self, pixels: Pixels) -> Iterator[Picture]:
        """The frame at each level's size."""
        ...

    def patches(self, pixels: Pixels, boxes: Rows, side: int) -> Iterator[Picture]:
        """The inside of each box, resized to side x side; grey where it leaves the frame."""
        ...


class QuickSampling:
    """Bytes, made from the nearest size that is at hand."""

    def __init__(self, size: Size, levels: Sequence[Size], outside: float) -> None:
        """Make room for the levels of one frame size.

        Args:
            size: of the frames.
            levels: their sizes, from large to small.
            outside: grey value, 0..255, of what lies outside the frame.
        """
        self._outside = (round(outside),) * 3
        # For each level, the halvings that come before it, and room for all of them: fresh memory
        # for each frame would cost more time than the resizing.
        self._steps: list[tuple[list[Pixels], Pixels]] = []
        width, height = size
        for level_width, level_height in levels:
            halves = []
            while width >= 2 * level_width and height >= 2 * level_height:
                width, height = width // 2, height // 2
                halves.append(np.empty((height, width, 3), np.uint8))
            self._steps.append((halves, np.empty((level_height, level_width, 3), np.uint8)))

    def levels(self, pixels: Pixels) -> Iterator[Picture]:
        """Halve while it can be halved, then interpolate: bilinear is fair for less than half."""
        octave = pixels
        for halves, level in self._steps:
            for half in halves:
                cv2.resize(octave, half.shape[1::-1], dst=half, interpolation=cv2.INTER_AREA)
                octave = half
            cv2.resize(octave, level.shape[1::-1], dst=level)
            yield level

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

    def __init__(self, size: Size, levels: Sequence[Size], outside: float) -> None:
        """Make room for the levels of one frame size.

        Args:
            size: of the frames.
            levels: their sizes.
            outside: grey value, 0..255, of what lies outside the frame.
        """
        self._outside = np.float32(outside)
        width, height = size
        self._sums = np.zeros((height + 1, width * 3), np.float32)
        self._levels = [np.empty((height, width, 3), np.float32) for width, height in levels]

    def levels(self, pixels: Pixels) -> Iterator[Picture]:
        """Average over the area that each pixel covers, down the columns, then along the rows.

        The columns are summed up once; OpenCV would sum them again for each size.
        """
        height, width = pixels.shape[:2]
        rows = pixels.reshape(height, -1)
        # Sums of bytes are whole numbers, and exact in float32 for up to 65,793 rows.
        self._sums[1:] = rows
        for above, below in itertools.pairwise(self._sums):
            np.add(above, below, out=below)
        for level in self._levels:
            step = height / len(level)
            for top in range(0, len(level), BAND):
                part = level[top : top + BAND]
                edges = np.arange(top, top + len(part) + 1) * step
                band = _row_sums(rows, self._sums, edges).reshape(-1, width, 3)
                cv2.resize(band, part.shape[1::-1], dst=part, interpolation=cv2.INTER_AREA)
            np.multiply(level, np.float32(1 / step), out=level)
            yield level

    def patches(self, pixels: Pixels, boxes: Rows, side: int) -> Iterator[Picture]:
        """Bilinear, as TensorFlow's crop_and_resize."""
        start, step = _grid(pixels, boxes, side)
        count = CHUNK // side**2
        for first in range(0, len(boxes), count):
            chunk = slice(first, first + count)
            yield from self._chunk(pixels, start[chunk], step[chunk], side)

    def _chunk(self, pixels: Pixels, start: Rows, step: Rows, side: int) -> Floats:
        height, width = pixels.shape[:2]
        x, y = (start[:, :, None] + step[:, :, None] * np.arange(side)).transpose(1, 0, 2)
        left, right, to_right = _neighbours(x, width)
        above, below, to_below = _neighbours(y, height)
        # One weight for each byte of a row keeps NumPy's inner loop long: four times as fast.
        to_right = np.repeat(to_right, 3, axis=1)[:, None, :]
        colours = pixels.reshape(-1, 3)

        def gather(row: NDArray[np.intp], column: NDArray[np.intp]) -> Floats:
            where = row[:, :, None] * width + column[:, None, :]
            found: Pixels = colours.take(where, axis=0)
            return found.reshape(-1, side, side * 3).astype(np.float32)

        upper, lower = gather(above, left), gather(below, left)
        upper += (gather(above, right) - upper) * to_right
        lower += (gather(below, right) - lower) * to_right
        upper += (lower - upper) * to_below[:, :, None]
        patches: Floats = upper.reshape(-1, side, side, 3)
        inside = ((y >= 0) & (y <= height - 1))[:, :, None] & ((x >= 0) & (x <= width - 1))[:, None]
        if not inside.all():
            patches[~inside] = self._outside
        return patches


def _grid(pixels: Pixels, boxes: Rows, side: int) -> tuple[Rows, Rows]:
    """Where the samples of each box begin and how far apart they are, both n x (x, y).

    As the package calls crop_and_resize: from the box's left to its right inclusive, both times
    (width - 1) / width; so for the rows.
    """
    height, width = pixels.shape[:2]
    shrink = np.array([(width - 1) / width, (height - 1) / height])
    return boxes[:, :2] * shrink, (boxes[:, 2:] - boxes[:, :2]) * shrink / (side - 1)


def _row_sums(rows: Pixels, sums: Floats, edges: NDArray[np.float64]) -> Floats:
    """Sum rows from each edge to the next.

    Args:
        rows: height x n.
        sums: (height + 1) x n, in row i the sum of the rows before i.
        edges: rows and fractions of them, rising from 0 to height.
    """
    whole = np.minimum(edges.astype(np.intp), len(rows))
    part = (edges - whole).astype(np.float32)[:, None]
    before = sums.take(whole, axis=0)
    # This rounds by 1/64 of a grey level at most for 1,000 rows; bytes would round by 1/2.
    before += rows.take(whole, axis=0, mode="clip") * part
    return np.diff(before, axis=0)


def _neighbours(
    places: NDArray[np.float64], length: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """The whole places before and after each place, and how far it lies between them, 0..1."""
    before = np.clip(np.floor(places), 0, length - 1)
    after = np.minimum(before + 1, length - 1)
    return before.astype(np.intp), after.astype(np.intp), (places - before).astype(np.float32)
