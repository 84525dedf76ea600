"""Pictures for the broker, where that is switched on: when a violation begins, or when asked."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from edge.alerting.alerts import Alert
from edge.chain import Outcome
from edge.config import Settings
from edge.errors import MaskGateError
from edge.lane import Lane
from edge.mqtt.message import Publication
from edge.mqtt.topics import topic
from edge.show.jpeg import to_jpeg
from edge.values import Box, Frame, Pixels
from edge.vision.pixelate import pixelate
from edge.watch.observer import Observer

EXPIRES_AFTER = 300
"""Seconds after which a picture that could not be delivered is of no use."""
LONGEST_AGE = 10.0
"""Seconds that the newest frame may be old when a picture is asked for."""
_PARTING = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    pixels: Pixels
    faces: list[Box]
    """Also of those who do not count here, and where one was last, for it may be there still."""
    moment: float
    """Monotonic seconds when it was processed."""


class Snapshots(Observer):
    """Keeps the newest frame of each camera in memory, and sends it as a JPEG."""

    def __init__(self, settings: Settings, post: Callable[[Publication], object]) -> None:
        """Begin with no frame.

        Args:
            settings: whether pictures are sent at all, and how.
            post: sends a message.
        """
        self._settings = settings
        self._post = post
        self._newest: dict[str, _Seen] = {}
        self._wanted: set[str] = set()
        self._lane = Lane("snapshots")

    def saw(self, camera: str, frame: Frame, outcome: Outcome) -> None:
        """Keep the frame; send it if a violation has begun in it."""
        if not self._settings.snapshot.enabled:
            return
        seen = _Seen(frame.pixels, outcome.faces, time.monotonic())
        self._newest[camera] = seen
        if camera in self._wanted:
            self._wanted.discard(camera)
            # The next frame waits for nothing; if many wait already, one less is sent.
            self._lane.add(partial(self._send, camera, seen))

    def told(self, alerts: Sequence[Alert]) -> None:
        """Note where a violation has begun: the frame itself is seen next."""
        self._wanted |= {alert.camera for alert in alerts if alert.state == "opened"}

    def adopted(self, settings: Settings) -> None:
        """Send, or keep, no more than the new settings allow."""
        self._settings = settings
        if not settings.snapshot.enabled:
            self._newest.clear()

    def take(self, camera: str | None) -> str:
        """Send a picture now; for any thread.

        Args:
            camera: of which; of all when None.

        Returns:
            What was sent, in words.

        Raises:
            MaskGateError: pictures are not switched on, there is no such camera, or no frame.
        """
        if not self._settings.snapshot.enabled:
            raise MaskGateError("no picture leaves this device; set snapshot.enabled to allow it")
        known = list(self._settings.cameras)
        if camera is not None and camera not in known:
            raise MaskGateError(f"camera {camera}: not known; known are {', '.join(known)}")
        oldest = time.monotonic() - LONGEST_AGE
        found = {
            name: seen
            for name in ([camera] if camera else known)
            if (seen := self._newest.get(name)) is not None and seen.moment >= oldest
        }
        if not found:
            raise MaskGateError(
                f"camera {camera or ', '.join(known)}: no frame in the last {LONGEST_AGE:g} s; is "
                "it paused or away? See health"
            )
        for name, seen in found.items():
            self._send(name, seen)
        return f"sent {', '.join(found)}"

    def close(self) -> None:
        """Send no more."""
        self._lane.close(_PARTING)

    def _send(self, camera: str, seen: _Seen) -> None:
        pixels = seen.pixels
        if self._settings.snapshot.pixelate:
            pixels = pixelate(pixels, seen.faces)
        self._post(
            Publication(
                topic(self._settings.device, f"snapshot/{camera}"),
                to_jpeg(pixels),
                content_type="image/jpeg",
                expires_after=EXPIRES_AFTER,
            )
        )
