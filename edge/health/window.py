"""Figures over the newest frames, in bounded memory."""

import threading
import time
from collections import deque
from collections.abc import Callable

from edge.health.health import Latency

RATE_SECONDS = 10.0
"""What a rate is taken over."""
SHORTEST_SECONDS = 1.0
"""Less is too little to take a rate over."""
RATE_FRAMES = 2_000
"""The same in frames, where more come in that time."""
LATENCY_FRAMES = 500
"""Newest frames that a latency is taken over."""


class Rate:
    """Counts what happens, and says how often it did lately; any thread may call."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock()
        self._newest: deque[float] = deque(maxlen=RATE_FRAMES)
        self.count = 0
        """Since the start."""

    def add(self) -> None:
        """Note that it happened."""
        with self._lock:
            self._newest.append(self._clock())
            self.count += 1

    @property
    def since(self) -> float | None:
        """Seconds since it last happened; None if it never did."""
        with self._lock:
            return self._clock() - self._newest[-1] if self._newest else None

    @property
    def per_second(self) -> float:
        """How often it happened per second, over the newest seconds."""
        with self._lock:
            now = self._clock()
            start = max(self._began, now - RATE_SECONDS)
            if len(self._newest) == RATE_FRAMES:
                start = max(start, self._newest[0])
            count = sum(moment >= start for moment in self._newest)
            # The first moments would give any rate.
            return count / max(now - start, SHORTEST_SECONDS)


class Spent:
    """Collects what something takes, and says what it took lately; any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: deque[float] = deque(maxlen=LATENCY_FRAMES)

    def add(self, seconds: float) -> None:
        """Note what it took."""
        with self._lock:
            self._newest.append(seconds)

    @property
    def latency(self) -> Latency | None:
        """Median and 95th percentile; None before the first."""
        with self._lock:
            ordered = sorted(self._newest)
        if not ordered:
            return None
        last = len(ordered) - 1
        return Latency(median=ordered[round(last / 2)], p95=ordered[round(last * 0.95)])
