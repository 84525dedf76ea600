"""Where a picture has changed since it was last searched, by the noise of the picture itself.

The picture is averaged over cells, which takes most of a sensor's and a compression's noise away.
What a cell shows is compared with what it showed when it was last searched, not with the frame
before: the slowest walker moves as far as a fast one in the end. How much a cell changes when
nothing happens is measured all the time, from one frame to the next.
"""

from collections import deque
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
"""Frame-to-frame changes whose median is a cell's noise: whoever walks by is in less than half."""
FEW: Final = 8
"""Frames after which the noise counts as known."""
PAUSE: Final = 8
"""Frames from one sample of the noise to the next, once there are all."""
TIMES: Final = 4.0
"""Times the usual change of a cell that count as movement.

The usual change is the median over time of the largest of three colours' changes; for Gaussian
noise that is 1.25 standard deviations of a change, so this is 5 of them.
"""
LEAST: Final = 2.5
"""Grey levels that a cell must change by in any case: averages are rounded, then and now."""
UNEVEN: Final = 3.0
"""Times the picture's noise that a cell's own may be: a plant that sways is no noise."""
BLIND: Final = 12.0
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
        # A frame that came twice says nothing of the noise.
        if change.any():
            self._samples.append(change)
            usual = np.median(np.asarray(self._samples), axis=0)
            self._threshold = TIMES * np.minimum(usual, UNEVEN * np.median(usual))
            self._threshold = np.maximum(self._threshold, LEAST).astype(np.float32)
        self._known = self._frames > FEW and float(np.median(self._threshold)) < BLIND


def _averaged(pixels: Pixels, cell: int) -> Levels:
    height, width = (side // cell for side in pixels.shape[:2])
    # OpenCV averages fast where the cells fill what it is given.
    inside = pixels[: height * cell, : width * cell]
    cells = cv2.resize(inside, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float32)


def _gain(before: Levels, now: Levels) -> float:
    """How much brighter most cells are, by their green."""
    return float(np.median((now[..., 1] + 1) / (before[..., 1] + 1)))


def _changes(before: Levels, now: Levels, gain: float) -> Levels:
    """By how much each cell has changed, in the colour that has most, beside the gain."""
    change = np.asarray(cv2.absdiff(now, before * np.float32(gain)), np.float32)
    # Two maxima of whole planes are many times as fast as one along the last axis.
    most: Levels = np.maximum(np.maximum(change[..., 0], change[..., 1]), change[..., 2])
    return most


def _clustered(changed: Cells) -> Cells:
    """Without cells that changed alone: a face fills many."""
    if not changed.any():
        return changed
    cells = changed.astype(np.uint8)
    around = cv2.boxFilter(cells, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return changed & (np.asarray(around) >= TOGETHER)
