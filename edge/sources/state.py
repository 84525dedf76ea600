"""How a camera is doing, for whoever shows or publishes it."""

import time
from dataclasses import dataclass
from typing import Literal

Condition = Literal["starting", "delivering", "away", "resting", "paused", "ended", "failed"]


@dataclass(frozen=True, slots=True)
class CameraState:
    """How a camera is doing now."""

    camera: str
    """Its name."""
    condition: Condition
    """starting: no frame yet; delivering: frames come; away: they should come and do not, so it is
    opened again and again; resting: outside its hours; paused: by the operator; ended: a file that
    is over; failed: refused for a reason that somebody has to put right."""
    reason: str | None
    """Why it is away or failed, in words; holds no password."""
    since: float
    """Monotonic seconds when the condition began."""
    outages: int
    """How often it was away since the device started."""
    frames: int
    """Frames captured since then, dropped ones included."""
    dropped: int
    """Frames among them that a newer one replaced before they were processed."""


class Record:
    """What is known of a camera for as long as the device runs; goes on when it is opened again.

    One thread at a time writes it, any may read the state.
    """

    def __init__(self, camera: str) -> None:
        self.camera = camera
        self.outages = 0
        self.captured = 0
        """Also the number of the next frame."""
        self.dropped = 0
        self._now: tuple[Condition, str | None, float] = ("starting", None, time.monotonic())

    @property
    def condition(self) -> Condition:
        """See CameraState."""
        return self._now[0]

    def become(self, condition: Condition, reason: str | None = None) -> None:
        """Note how the camera is from now on."""
        before, _, since = self._now
        self._now = condition, reason, since if condition == before else time.monotonic()
        self.outages += condition == "away" != before

    def state(self) -> CameraState:
        """How the camera is doing now."""
        condition, reason, since = self._now
        return CameraState(
            self.camera, condition, reason, since, self.outages, self.captured, self.dropped
        )
