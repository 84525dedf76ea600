"""The program as a service: what systemd shows of it, and when its brake is released."""

import time
from collections.abc import Callable

from edge.health.brake import STEADY_SECONDS, Brake
from edge.health.health import Health
from edge.health.systemd import Systemd
from edge.watch.observer import Observer

STATUS_SECONDS = 10.0
"""Between two lines of status."""


class Service(Observer):
    """Tells systemd when the watch runs, how it is doing, and when it ends."""

    def __init__(self, systemd: Systemd, health: Callable[[], Health]) -> None:
        """Prepare to tell.

        Args:
            systemd: is told.
            health: how the device is doing now.
        """
        self._systemd, self._health = systemd, health
        self._brake = Brake(systemd)
        self._ready: float | None = None
        """When the watch began to run, monotonic seconds."""
        self._next_status = 0.0
        self._steady = False
        self._reloading = False

    def reloading(self) -> None:
        """Say that the settings are being read again; going round ends it."""
        self._reloading = True
        self._systemd.reloading()

    def went_round(self) -> None:
        """Say that the watch runs, the first time; then, now and then, how it is doing."""
        now = time.monotonic()
        if self._ready is None or self._reloading:
            self._ready = now if self._ready is None else self._ready
            self._reloading = False
            self._systemd.ready()
        if not self._steady and now - self._ready > STEADY_SECONDS:
            self._steady = True
            self._brake.release()
        if now >= self._next_status:
            self._next_status = now + STATUS_SECONDS
            self._systemd.status(in_short(self._health()))

    def ending(self, *, asked: bool) -> None:
        """Say that the end has begun.

        Args:
            asked: by somebody, so that the next start is not held up.
        """
        self._systemd.stopping()
        if asked:
            self._brake.release()


def in_short(health: Health) -> str:
    """How the device is doing, in a line: what is well in few words, what is not with its cause."""
    parts = [f"{health.frames_per_second:.1f} frames/s"]
    parts += [
        f"camera {name} {camera.state}" + (f" ({camera.reason})" if camera.reason else "")
        for name, camera in health.cameras.items()
        if camera.state != "delivering"
    ]
    if health.shedding.reason:
        parts.append(f"skipping frames ({health.shedding.reason})")
    if not health.broker.connected:
        parts.append(health.broker.detail)
    if health.outbox.waiting:
        parts.append(f"{health.outbox.waiting} messages wait")
    if health.temperature is not None:
        parts.append(f"{health.temperature:.0f} °C")
    return "; ".join(parts)
