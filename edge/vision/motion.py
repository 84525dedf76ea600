"""Where a picture has changed since it was last searched, by the noise of the picture itself.

The picture is averaged over cells, which takes most of a sensor's and a compression's noise away.
What a cell shows is compared with what it showed when it was last searched, not with the frame
before: the slowest walker moves as far as a fast one in the end. How much a cell changes when
nothing happens is measured all the time, from one frame to the next.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.values import Pixels

Cells = NDArray[np.bool_]
"""Rows x columns of cells."""
Levels = NDArray[np.float32]
"""Grey levels, 0..255; rows x columns of cells, or these x 3."""

SAMPLES: Final = 16
"""Frame-to-frame changes that the noise is read from."""
FEW: Final = 8
"""Frames after which the noise counts as known."""
PAUSE: Final = 8
"""Frames from one sample of the noise to the next, once there are all."""
REPEATS: Final = 3
"""Times that a frame may come again, byte for byte, before the camera has no noise: streams repeat
frames to keep their pace."""
QUIET: Final = 0.75
"""Share of the samples that the noise is not above; whoever walks by a cell is in the others."""
TIMES: Final = 2.0
"""Times the noise of a cell and those around it that count as movement.

The noise is the largest change of 9 cells and 3 colours, 2.5 standard deviations if it is
Gaussian; so this is 5. A compression leaves most cells alone and moves the others by a step of its
quantisation, which the largest of so many finds.
"""
LEAST: Final = 2.5
"""Grey levels that a cell must change by in any case: averages are rounded, then and now."""
UNEVEN: Final = 2.0
"""Times the picture's noise that a cell's own may be: a plant that sways is no noise."""
BLIND: Final = 20.0
"""Grey levels of the threshold above which the noise hides people: nothing is known then.

A face differs from what is behind it by 30 and more.
"""
TOGETHER: Final = 3
"""Moved cells among the 3 x 3 around one that make it count."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """How a picture differs from what was searched."""

    moved: Cells
    """Where something has changed."""
    gain: float
    """How much brighter the whole picture is: 1 is as bright, 2 is twice."""
    known: bool
    """Whether the noise is known and low enough for `moved` to mean something."""

    @property
    def share(self) -> float:
        """Share of the cells that have moved, 0..1."""
        return float(np.count_nonzero(self.moved)) / self.moved.size


class Motion:
    """Compares the frames of one size with what was searched."""

    def __init__(self, cell: int) -> None:
        """Begin with nothing searched.

        Args:
            cell: side of a cell, pixels.
        """
        self.cell = cell
        self._frames = 0
        self._samples: deque[Levels] = deque(maxlen=SAMPLES)
        self._repeats = 0
        self._threshold: Levels = np.empty((0, 0), np.float32)
        self._known = False
        self._before: Levels | None = None
        self._now: Levels = np.empty((0, 0, 3), np.float32)
        self._searched: Levels = self._now
        self._gain = 1.0

    def compare(self, pixels: Pixels) -> Change:
        """Take the next frame.

        Args:
            pixels: of the size of the first one; each side at least a cell.

        Returns:
            All has moved, in the first one.
        """
        self._now = _averaged(pixels, self.cell)
        self._measure()
        self._before = self._now
        if not self._searched.size:
            return Change(np.ones(self._now.shape[:2], np.bool_), 1.0, known=False)
        self._gain = _gain(self._searched, self._now)
        changed = _changes(self._searched, self._now, self._gain) > self._threshold
        return Change(_clustered(changed), self._gain, self._known)

    def settle(self, cells: Cells | None = None) -> None:
        """Note that these cells of the newest frame, or all, are now searched."""
        if cells is None:
            self._searched, self._gain = self._now.copy(), 1.0
        else:
            # As bright as the rest was when it was searched.
            self._searched[cells] = self._now[cells] / self._gain

    def _measure(self) -> None:
        """Learn the noise from the frame before to this one."""
        self._frames += 1
        if self._before is None:
            self._threshold = np.full(self._now.shape[:2], LEAST, np.float32)
            return
        filled = len(self._samples) == SAMPLES
        if filled and self._frames % PAUSE:
            return
        change = _changes(self._before, self._now, _gain(self._before, self._now))
        self._repeats = 0 if change.any() else self._repeats + 1
        if not 0 < self._repeats < REPEATS:
            self._samples.append(_largest_around(change))
            self._threshold = _threshold(self._samples)
        self._known = self._frames > FEW and float(np.median(self._threshold)) < BLIND


def _averaged(pixels: Pixels, cell: int) -> Levels:
    height, width = (side // cell for side in pixels.shape[:2])
    # OpenCV averages fast where the cells fill what it is given. Two rows of each cell will do:
    # half the time, and this is most of what a still frame costs.
    step = cell // 2 if cell % 2 == 0 else 1
    inside = pixels[: height * cell : step, : width * cell]
    cells = cv2.resize(inside, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float32)


def _gain(before: Levels, now: Levels) -> float:
    """How much brighter most cells are, by their green."""
    ratios = ((now[..., 1] + 1) / (before[..., 1] + 1)).ravel()
    middle = len(ratios) // 2
    # A third of the time that np.median takes.
    return float(np.partition(ratios, middle)[middle])


def _changes(before: Levels, now: Levels, gain: float) -> Levels:
    """By how much each cell has changed, in the colour that has most, beside the gain."""
    change = np.asarray(cv2.absdiff(now, before * np.float32(gain)), np.float32)
    # Two maxima of whole planes are many times as fast as one along the last axis.
    most: Levels = np.maximum(np.maximum(change[..., 0], change[..., 1]), change[..., 2])
    return most


def _largest_around(change: Levels) -> Levels:
    return np.asarray(cv2.dilate(change, np.ones((3, 3), np.uint8)), np.float32)


def _threshold(samples: Collection[Levels]) -> Levels:
    """By how much each cell must change to count as moved."""
    rank = int(QUIET * len(samples))
    noise: Levels = np.partition(np.asarray(samples, np.float32), rank, axis=0)[rank]
    most = UNEVEN * float(np.median(noise))
    threshold: Levels = np.maximum(TIMES * np.minimum(noise, np.float32(most)), np.float32(LEAST))
    return threshold


def _clustered(changed: Cells) -> Cells:
    """Without cells that changed alone: a face fills many."""
    if not changed.any():
        return changed
    cells = changed.astype(np.uint8)
    around = cv2.boxFilter(cells, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return changed & (np.asarray(around) >= TOGETHER)
