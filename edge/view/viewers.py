"""How many people look at once."""

import threading
import time
from collections.abc import Callable
from typing import Final

MOST: Final = 4
"""People who may look at once: each costs the device time and the network pictures."""
_AWAY: Final = 10.0
"""Seconds after which somebody who asks for nothing has left."""


class Viewers:
    """Gives those who look a place, as long as there is one; times are monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, float] = {}
        """When each of them asked for something last."""
        self._lock = threading.Lock()

    def admit(self, viewer: str) -> bool:
        """Give a viewer a place, or keep it; False if all are taken."""
        now = self._clock()
        with self._lock:
            self._seen = {one: seen for one, seen in self._seen.items() if now - seen < _AWAY}
            if viewer not in self._seen and len(self._seen) >= MOST:
                return False
            self._seen[viewer] = now
            return True
