"""Signs of life for systemd's watchdog, given for frames that were really processed."""

import threading
import time
from collections.abc import Callable, Collection

from edge.health.systemd import Systemd

SIGNS_PER_LIMIT = 4
"""Signs of life are no more frequent than that many in the time that systemd waits for one."""


class Watchdog:
    """Tells systemd that the device does its work; says nothing when it does not.

    No timer gives the signs. Those who process frames call `processed` after each frame, and
    `turned` when they looked for one in vain; the sign is given in that call, on that thread,
    and only if every camera that should deliver had a frame processed lately. So a net that hangs,
    a disk that never answers and a loop that stands still all end in a restart. A camera that is
    known to be away is somebody's concern already, and no reason for one.
    """

    def __init__(self, systemd: Systemd, clock: Callable[[], float] = time.monotonic) -> None:
        self._systemd = systemd
        self._clock = clock
        self._limit = (systemd.watchdog or 0.0) / 2
        """Seconds; a camera without a processed frame for longer is stuck."""
        self._lock = threading.Lock()
        self._processed: dict[str, float] = {}
        """When each camera last had a frame processed, or was excused."""
        self._last_sign = float("-inf")

    def processed(self, camera: str) -> None:
        """Note that a frame of this camera went all the way."""
        if self._limit:
            with self._lock:
                self._processed[camera] = self._clock()

    def turned(self, cameras: Collection[str], excused: Collection[str]) -> None:
        """Give a sign of life if all is well.

        Args:
            cameras: all of them.
            excused: those that are known to deliver nothing now: away, paused, ended.
        """
        if not self._limit:
            return
        with self._lock:
            now = self._clock()
            for name in excused:
                self._processed[name] = now
            # A camera more, or back again, has as long as the others for its first frame.
            seen = [self._processed.setdefault(name, now) for name in cameras]
            if now - min(seen, default=now) > self._limit:
                return
            if now - self._last_sign < 2 * self._limit / SIGNS_PER_LIMIT:
                return
            self._last_sign = now
        self._systemd.alive()
