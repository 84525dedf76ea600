"""Signs of life for systemd's watchdog, given for frames that were really processed."""

import time
from collections.abc import Callable, Sequence

from edge.chain import Outcome
from edge.health.systemd import Systemd
from edge.sources.state import CameraState
from edge.values import Frame
from edge.watch.observer import Observer

SIGNS_PER_LIMIT = 4
"""Signs of life are no more frequent than that many in the time that systemd waits for one."""


class Watchdog(Observer):
    """Tells systemd that the device does its work; says nothing when it does not.

    No timer gives the signs. They are given on the thread that watches, when it has gone round,
    and only if every camera that delivers had a frame processed lately. So a net that hangs, a disk
    that never answers and a loop that stands still all end in a restart. A camera that is known to
    be away is opened again by others, and no reason for one.
    """

    def __init__(
        self,
        systemd: Systemd,
        states: Callable[[], Sequence[CameraState]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to watch.

        Args:
            systemd: gets the signs, if it waits for any.
            states: of the cameras, now.
            clock: monotonic seconds.
        """
        self._systemd, self._states, self._clock = systemd, states, clock
        self._limit = (systemd.watchdog or 0.0) / 2
        """Seconds; a camera that delivers and has no frame processed for longer is stuck."""
        self._processed: dict[str, float] = {}
        """When each camera last had a frame processed, or was not expected to."""
        self._last_sign = float("-inf")

    def saw(self, camera: str, frame: Frame, outcome: Outcome) -> None:  # noqa: ARG002
        """Note that a frame went all the way."""
        self._processed[camera] = self._clock()

    def went_round(self) -> None:
        """Give a sign of life if all is well."""
        if not self._limit:
            return
        now = self._clock()
        seen = {}
        for state in self._states():
            # A camera that begins to deliver has as long as the others for its first frame.
            known = self._processed.get(state.camera, now)
            seen[state.camera] = known if state.condition == "delivering" else now
        self._processed = seen
        well = now - min(seen.values(), default=now) <= self._limit
        if well and now - self._last_sign >= 2 * self._limit / SIGNS_PER_LIMIT:
            self._last_sign = now
            self._systemd.alive()
