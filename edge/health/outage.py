"""An outage that lasts is told of again, ever more seldom."""

import time
from collections.abc import Callable

FIRST_REMINDER, LONGEST_REMINDER = 600.0, 21_600.0
"""Seconds until an outage is told of again; doubled each time until the longest."""


class Outage:
    """Counts attempts in vain, and says when the log should hear of them again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._attempts = 0
        self._began = self._reminder = self._pause = 0.0

    def failed(self) -> str | None:
        """Note an attempt in vain.

        Returns:
            What to remind of, e.g. "still so after 10 min, 21 attempts"; None if not now.
        """
        now = self._clock()
        if not self._attempts:
            self._began, self._pause = now, FIRST_REMINDER
            self._reminder = now + self._pause
        self._attempts += 1
        if now < self._reminder:
            return None
        self._pause = min(2 * self._pause, LONGEST_REMINDER)
        self._reminder = now + self._pause
        return f"still so after {duration(now - self._began)}, {self._attempts} attempts"

    def over(self) -> None:
        """Note that it is over."""
        self._attempts = 0


def duration(seconds: float) -> str:
    """A time span as a person says it, e.g. "3 min"."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
