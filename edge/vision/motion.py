"""Where a picture has changed since it was last searched, by the noise of the picture itself.

The picture is averaged over cells, which takes much of a sensor's and a compression's noise away.
What a cell shows is compared with what it showed when it was last searched, not with the frame
before: the slowest walker moves as far as a fast one in the end. How much a cell changes when
nothing happens is measured all the time, from one frame to the next.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.values import Pixels

Cells = NDArray[np.bool_]
"""Rows x columns of cells."""
Levels = NDArray[np.uint8]
"""Changes of grey levels; rows x columns of cells."""

FEW: Final = 8
"""Frames after which the noise counts as known."""
PAUSE: Final = 7
"""Frames from one look at the noise to the next, once it is known; odd, for some streams send each
frame twice."""
UP: Final = 1.2
"""What a cell's noise is multiplied by when the cell changed by more."""
DOWN: Final = UP ** (-1 / 3)
"""What it is multiplied by when not: it comes to rest where a quarter of the changes are larger.
Whoever walks by a cell is in that quarter."""
TIMES: Final = 2.0
"""Times the noise of a cell and those around it that count as movement.

The noise is the largest change of 9 cells and 3 colours, 2.5 standard deviations if it is
Gaussian; so this is 5. A compression leaves most cells alone and moves the others by a step of its
quantisation, which the largest of so many finds.
"""
LEAST: Final = 2
"""Grey levels that a cell must change by more than at least: averages are rounded, then and now."""
UNEVEN: Final = 2.0
"""Times the picture's noise that a cell's own may be: a plant that sways is no noise."""
BLIND: Final = 20.0
"""Grey levels of the threshold above which the noise hides people: nothing is known then.

A face differs from what is behind it by 30 and more.
"""
TOGETHER: Final = 3
"""Moved cells among the 3 x 3 around one that make it count."""
AROUND: Final = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """How a picture differs from what was searched."""

    moved: Cells
    """Where something has changed."""
    gain: float
    """How much brighter the whole picture is: 1 is as bright, 2 is twice."""
    known: bool
    """Whether the noise is known and low enough for `moved` to mean something."""


class Motion:
    """Compares the frames of one size with what was searched."""

    def __init__(self, cell: int, pixels: Pixels) -> None:
        """Begin with a frame that is searched as a whole.

        Args:
            cell: side of a cell, pixels, at least 2.
            pixels: each side at least a cell.
        """
        self._cell = cell
        self._now = self._searched = _averaged(pixels, cell)
        self._gain = 1.0
        self._frames = 0
        self._noise = np.full(self._now.shape[:2], LEAST / TIMES, np.float32)
        self._threshold: Levels = np.full(self._now.shape[:2], LEAST, np.uint8)
        self._bearable = True

    def compare(self, pixels: Pixels) -> Change:
        """Take the next frame, of the same size."""
        before, self._now = self._now, _averaged(pixels, self._cell)
        self._frames += 1
        if self._frames <= FEW or self._frames % PAUSE == 0:
            self._learn(before)
        changed = self._changed()
        if changed.any():
            # Perhaps by the light alone. While nothing has changed, nor has that.
            self._gain = _gain(self._searched, self._now)
            changed = _clustered(self._changed())
        known = self._frames >= FEW and self._bearable
        return Change(changed, self._gain, known)

    def settle(self, cells: Cells | None = None) -> None:
        """Note that these cells of the newest frame, or all, are now searched."""
        if cells is None:
            self._searched, self._gain = self._now, 1.0
        elif cells.any():
            # As bright as the rest was when it was searched.
            now = cv2.convertScaleAbs(self._now, alpha=1 / self._gain)
            self._searched = np.where(cells[..., None], now, self._searched)

    def _changed(self) -> Cells:
        """Where the newest frame is not what was searched."""
        return _changes(self._searched, self._now, self._gain) > self._threshold

    def _learn(self, before: Pixels) -> None:
        """Learn the noise from the frame before to the newest."""
        change = _changes(before, self._now, _gain(before, self._now))
        # The same frame once more, byte for byte, says nothing of the noise.
        if change.any():
            largest = np.asarray(cv2.dilate(change, AROUND), np.float32)
            if self._frames <= FEW:
                self._noise = np.maximum(self._noise, largest)
            else:
                self._noise *= np.where(largest > self._noise, np.float32(UP), np.float32(DOWN))
            middle = max(_middle(self._noise[::2, ::2]), LEAST / TIMES)
            np.clip(self._noise, LEAST / TIMES, UNEVEN * middle, out=self._noise)
            self._threshold = np.minimum(TIMES * self._noise, 255).astype(np.uint8)
            self._bearable = TIMES * middle < BLIND


def _averaged(pixels: Pixels, cell: int) -> Pixels:
    """Each cell from sixteen of its pixels: this is most of what a still frame costs."""
    height, width = (side // cell for side in pixels.shape[:2])
    step = max(1, cell // 2)
    level = pixels[step // 2 : height * cell : step, : width * cell]
    for parts in (4, 2, 1):
        # Interpolation takes the pixels beside the middle: both, where two become one. OpenCV is
        # twice as fast at this as at averaging all of them.
        level = np.asarray(cv2.resize(level, (parts * width, height)), np.uint8)
    return level


def _middle(values: NDArray[np.generic]) -> float:
    """The median; a third of the time that np.median takes."""
    flat = values.ravel()
    middle = len(flat) // 2
    return float(np.partition(flat, middle)[middle])


def _gain(before: Pixels, now: Pixels) -> float:
    """How much brighter most cells are, by the green of every ninth."""
    return _middle((now[::3, ::3, 1] + 1.0) / (before[::3, ::3, 1] + 1.0))


def _changes(before: Pixels, now: Pixels, gain: float) -> Levels:
    """By how much each cell has changed, in the colour that has most, beside the gain."""
    change = cv2.absdiff(now, cv2.convertScaleAbs(before, alpha=gain))
    # Two maxima of whole planes are many times as fast as one along the last axis.
    most: Levels = np.maximum(np.maximum(change[..., 0], change[..., 1]), change[..., 2])
    return most


def _clustered(changed: Cells) -> Cells:
    """Without cells that changed alone: a face fills many."""
    if not changed.any():
        return changed
    cells = changed.view(np.uint8)
    around = cv2.boxFilter(cells, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return changed & (np.asarray(around) >= TOGETHER)
