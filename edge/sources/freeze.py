"""Tells a camera that gives the same picture again and again from one that lives."""

import numpy as np

from edge.values import Pixels

GLANCE = 32
"""Of so many rows one is compared first: a living camera's noise shows in it."""


class Freeze:
    """Watches for exactly the same picture; goes on when the camera is opened again."""

    def __init__(self) -> None:
        self._last: Pixels | None = None
        self._since = 0.0
        self.stands = False
        """Whether the picture has stood for too long and has not changed since."""

    def opened(self, now: float) -> None:
        """A camera that was just opened has its time to show something else."""
        self._since = now

    def see(self, pixels: Pixels, now: float, limit: float) -> bool:
        """Take the next picture.

        Args:
            pixels: must stay as they are.
            now: monotonic seconds.
            limit: seconds that a picture may stand; 0 for ever.

        Returns:
            Whether it has stood for longer since the camera was opened.
        """
        if self._last is None or not _same(self._last, pixels):
            self._last, self._since, self.stands = pixels, now, False
            return False
        too_long = 0 < limit <= now - self._since
        self.stands |= too_long
        return too_long


def _same(one: Pixels, other: Pixels) -> bool:
    return (
        one.shape == other.shape
        and np.array_equal(one[::GLANCE], other[::GLANCE])
        and np.array_equal(one, other)
    )
