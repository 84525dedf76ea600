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

from edge.bundle import Input
from edge.values import Pixels
from edge.vision.boxes import Rows

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]
Picture = Pixels | Floats
"""Height x width x 3: the values of pixels, 0..255, as bytes or with their fractions."""
Size = tuple[int, int]
"""(width, height)."""

CHUNK, BAND = 24 * 24 * 24, 48
"""Pixels of patches, and rows of a level, that exact sampling makes at once.

Less, and calling NumPy costs more than its work; more, and the work outgrows the cache.
"""
SMALLEST = 24
"""Shorter side of the smallest frame that quick sampling halves to: R-Net's, for the largest face.
"""


class Sampling(Protocol):
    """Smaller versions of a frame, and squares cut out of it; held ready for one frame size.

    What it gives is overwritten by what it gives next.
    """

    def see(self, pixels: Pixels) -> None:
        """Take the frame that all that follows is about."""
        ...

    def levels(self) -> Iterator[Picture]:
        """The frame at each level's size."""
        ...

    def patches(self, boxes: Rows, side: int) -> Iterator[Picture]:
        """The inside of each box, resized to side x side; 0 to the nets outside the frame."""
        ...


class QuickSampling:
    """Bytes, made from the nearest size that is at hand: the frame halved, again and again."""

    def __init__(self, size: Size, levels: Sequence[Size], source: Input) -> None:
        """Make room for the levels of one frame size.

        Args:
            size: of the frames.
            levels: their sizes, from large to small.
            source: how a pixel becomes an input value.
        """
        # What lies outside a frame is 0 to the nets.
        self._outside = (round(source.offset),) * 3
        # Fresh memory for every frame would cost more time than the resizing.
        self._levels = [np.empty((height, width, 3), np.uint8) for width, height in levels]
        self._rooms = []
        width, height = size
        while min(width, height) >= 2 * SMALLEST:
            width, height = width // 2, height // 2
            self._rooms.append(np.empty((height, width, 3), np.uint8))
        self._sizes: list[Pixels] = []
        # Nets that were taught with single pixels of the frame find other boxes in its halves.
        self._halved = source.sampling == "quick"

    def see(self, pixels: Pixels) -> None:
        """Take a frame; it is halved as far as it is asked for."""
        self._sizes = [pixels]

    def levels(self) -> Iterator[Picture]:
        """Bilinear, which is fair for less than half."""
        for level in self._levels:
            pixels = self._at_least(level.shape[1])
            if pixels.shape != level.shape:
                cv2.resize(pixels, level.shape[1::-1], dst=level)
                pixels = level
            yield pixels

    def patches(self, boxes: Rows, side: int) -> Iterator[Picture]:
        """Bilinear, to the 32nd of a pixel that OpenCV's warpAffine resolves."""
        patch = np.empty((side, side, 3), np.uint8)
        frame = self._sizes[0]
        corners, steps = _grid(frame, boxes, side)
        sizes = [frame] * len(boxes)
        if self._halved:
            widths = frame.shape[1] / np.maximum(steps.max(axis=1), 1.0)
            sizes = [self._at_least(width) for width in widths.tolist()]
        # All at once: NumPy takes longer to be called than to compute one box.
        shapes = np.array([pixels.shape[1::-1] for pixels in sizes]).reshape(-1, 2)
        scales = shapes / frame.shape[1::-1]
        matrices = np.zeros((len(boxes), 2, 3))
        matrices[:, (0, 1), (0, 1)] = steps * scales
        # The centre of a pixel lies half a pixel from its edge, at any size.
        matrices[:, :, 2] = (corners + 0.5) * scales - 0.5
        for pixels, matrix in zip(sizes, matrices, strict=True):
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

    def _at_least(self, width: float) -> Pixels:
        """The smallest size of the frame that is no narrower than `width`, if any is."""
        number = 0
        for room in self._rooms:
            if room.shape[1] < width:
                break
            number += 1
            if number == len(self._sizes):
                larger = self._sizes[-1]
                cv2.resize(larger, room.shape[1::-1], dst=room, interpolation=cv2.INTER_AREA)
                self._sizes.append(room)
        return self._sizes[number]


class ExactSampling:
    """Floats, each size made from the frame itself."""

    def __init__(self, size: Size, levels: Sequence[Size], source: Input) -> None:
        """Make room for the levels of one frame size.

        Args:
            size: of the frames.
            levels: their sizes.
            source: how a pixel becomes an input value.
        """
        # What lies outside a frame is 0 to the nets.
        self._outside = np.float32(source.offset)
        width, height = size
        self._sums = np.zeros((height + 1, width * 3), np.float32)
        self._words = np.empty((height, width, 4), np.uint8)
        self._levels = [np.empty((height, width, 3), np.float32) for width, height in levels]

    def see(self, pixels: Pixels) -> None:
        """Take a frame."""
        self._pixels = pixels
        cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA, dst=self._words)

    def levels(self) -> Iterator[Picture]:
        """Average over the area that each pixel covers, down the columns, then along the rows.

        The columns are summed up once; OpenCV would sum them again for each size.
        """
        height, width = self._pixels.shape[:2]
        rows = self._pixels.reshape(height, -1)
        # Sums of bytes are whole numbers, and exact in float32 for up to 65,793 rows.
        self._sums[1:] = rows
        for above, below in itertools.pairwise(self._sums):
            np.add(above, below, out=below)
        for level in self._levels:
            step = height / len(level)
            for top in range(0, len(level), BAND):
                part = level[top : top + BAND]
                edges = np.arange(top, top + len(part) + 1) * step
                band = _row_means(rows, self._sums, edges).reshape(-1, width, 3)
                cv2.resize(band, part.shape[1::-1], dst=part, interpolation=cv2.INTER_AREA)
            yield level

    def patches(self, boxes: Rows, side: int) -> Iterator[Picture]:
        """Bilinear, as TensorFlow's crop_and_resize."""
        if not len(boxes):
            return
        start, step = _grid(self._pixels, boxes, side)
        x, y = (start[:, :, None] + step[:, :, None] * np.arange(side)).transpose(1, 0, 2)
        count = CHUNK // side**2
        for first in range(0, len(boxes), count):
            chunk = slice(first, first + count)
            yield from self._interpolated(x[chunk], y[chunk])

    def _interpolated(self, x: Rows, y: Rows) -> Floats:
        """The picture at the crossings of n x side columns and n x side rows."""
        height, width = self._words.shape[:2]
        side = x.shape[1]
        left, right, to_right = _neighbours(x, width)
        above, below, to_below = _neighbours(y, height)
        above, below = above[:, :, None] * width, below[:, :, None] * width
        # NumPy gathers whole words more than twice as fast as threes of bytes, and one weight for
        # each byte of a row keeps its inner loop long: four times as fast.
        words = self._words.reshape(-1).view(np.uint32)
        to_right = np.repeat(to_right, 4, axis=1)[:, None, :]

        def along(row: Indices) -> Floats:
            start = _bytes(words.take(row + left[:, None, :]))
            end = _bytes(words.take(row + right[:, None, :]))
            return _between(start, end, to_right)

        patches = _between(along(above), along(below), to_below[:, :, None])
        beyond_x, beyond_y = _beyond(x, width), _beyond(y, height)
        if beyond_x.any() or beyond_y.any():
            beyond = beyond_y[:, :, None] | beyond_x[:, None]
            patches.reshape(-1, side, side, 4)[beyond] = self._outside
        colours = cv2.cvtColor(patches.reshape(-1, side, 4), cv2.COLOR_RGBA2RGB)
        return np.asarray(colours, np.float32).reshape(-1, side, side, 3)


def _grid(pixels: Pixels, boxes: Rows, side: int) -> tuple[Rows, Rows]:
    """Where the samples of each box begin and how far apart they are, both n x (x, y).

    As the package calls crop_and_resize: from the box's left to its right inclusive, both times
    (width - 1) / width; so for the rows.
    """
    height, width = pixels.shape[:2]
    shrink = np.array([(width - 1) / width, (height - 1) / height])
    return boxes[:, :2] * shrink, (boxes[:, 2:] - boxes[:, :2]) * shrink / (side - 1)


def _row_means(rows: Pixels, sums: Floats, edges: NDArray[np.float64]) -> Floats:
    """Average rows from each edge to the next.

    Args:
        rows: height x n.
        sums: (height + 1) x n, in row i the sum of the rows before i.
        edges: rows and fractions of them, evenly spaced, from 0 to height.
    """
    whole = np.minimum(edges.astype(np.intp), len(rows))
    part = (edges - whole).astype(np.float32)[:, None]
    before = sums.take(whole, axis=0)
    # This rounds by 1/64 of a grey level at most for 1,000 rows; bytes would round by 1/2.
    before += rows.take(whole, axis=0, mode="clip") * part
    share = 1 / float(edges[1] - edges[0])
    # Difference and scaling at once.
    means = cv2.addWeighted(before[1:], share, before[:-1], -share, 0)
    return np.asarray(means, np.float32)


def _between(start: Floats, end: Floats, share: Floats) -> Floats:
    """Go from start to end by a share of the way; overwrites both."""
    end -= start
    end *= share
    start += end
    return start


def _beyond(places: NDArray[np.float64], length: int) -> NDArray[np.bool_]:
    """Which places lie outside 0 to length - 1."""
    return (places < 0) | (places > length - 1)


def _bytes(words: NDArray[np.uint32]) -> Floats:
    """The four bytes of each word, side by side along the last axis."""
    return words.view(np.uint8).astype(np.float32)


def _neighbours(
    places: NDArray[np.float64], length: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """The whole places before and after each place, and how far it lies between them, 0..1."""
    before = np.clip(np.floor(places), 0, length - 1)
    after = np.minimum(before + 1, length - 1)
    return before.astype(np.intp), after.astype(np.intp), (places - before).astype(np.float32)
