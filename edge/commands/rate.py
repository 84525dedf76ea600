"""How often something may happen."""

import time


class Rate:
    """So many times a minute, with as many at once after a pause; for one thread."""

    def __init__(self, per_minute: int) -> None:
        self._per_second = per_minute / 60
        self._most = float(per_minute)
        self._left = self._most
        self._looked = time.monotonic()

    def allows(self) -> bool:
        """Whether it may happen once more, now; that counts."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._looked) * self._per_second)
        self._looked = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
