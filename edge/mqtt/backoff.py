"""Pauses between attempts to reach a broker: growing, bounded, and not in step with others'."""

import random
import time

from edge.mqtt.broker_answer import UnreachableError

AWAY = (0.5, 60.0)
"""First and longest pause, seconds, when the broker is away: it is likely back soon."""
REFUSED = (10.0, 300.0)
"""The same when somebody has to put something right first; brokers ban those who insist."""
STEADY_SECONDS = 60.0
"""A connection that held this long was a good one, so the pauses begin anew."""


class Backoff:
    """How long to wait before the next attempt."""

    def __init__(self) -> None:
        self._failures = 0
        self._attempted = 0.0

    def attempt(self) -> None:
        """Note that an attempt begins."""
        self._attempted = time.monotonic()

    def was_steady(self) -> bool:
        """Whether the connection that the last attempt gave held for long."""
        return time.monotonic() - self._attempted > STEADY_SECONDS

    def pause(self, error: Exception) -> float:
        """Seconds to wait after an attempt, or the connection that it gave, ended so."""
        if self.was_steady():
            self._failures = 0
        first, longest = AWAY if isinstance(error, UnreachableError) else REFUSED
        pause = min(longest, first * 2.0 ** min(self._failures, 16))
        self._failures += 1
        # Devices that lost the same broker must not all come back in the same moment.
        return pause * random.uniform(0.5, 1.0)  # noqa: S311  # not a secret
