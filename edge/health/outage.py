"""An outage in the log: a line when it begins, reminders ever more seldom, a line when it ends."""

import logging
import time
from collections.abc import Callable

FIRST_REMINDER, LONGEST_REMINDER = 600.0, 21_600.0
"""Seconds until an outage is told of again; doubled each time until the longest."""


class Outage:
    """Tells of something that is away, however often it is tried, without filling the log."""

    def __init__(
        self, log: logging.Logger, what: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare to tell.

        Args:
            log: where to.
            what: what may be away, e.g. "camera entrance".
            clock: monotonic seconds.
        """
        self._log = log
        self._what = what
        self._clock = clock
        self._began = 0.0
        self._reminder = 0.0
        self._pause = 0.0
        self.attempts = 0
        """In vain, in this outage; 0 while there is none."""

    def failed(self, reason: str) -> None:
        """Note that an attempt was in vain."""
        now = self._clock()
        self.attempts += 1
        if self.attempts == 1:
            self._log.warning("%s: %s; trying again until it is back", self._what, reason)
            self._began, self._pause = now, FIRST_REMINDER
            self._reminder = now + self._pause
        elif now >= self._reminder:
            away = duration(now - self._began)
            self._log.warning(
                "%s: still away after %s, %d attempts: %s", self._what, away, self.attempts, reason
            )
            self._pause = min(2 * self._pause, LONGEST_REMINDER)
            self._reminder = now + self._pause

    def over(self) -> None:
        """Note that it is there, again or still."""
        if self.attempts:
            self._log.info(
                "%s: back again after %s", self._what, duration(self._clock() - self._began)
            )
            self.attempts = 0


def duration(seconds: float) -> str:
    """A time span as a person says it, e.g. "3 min"."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
