"""What one camera shows: its newest frame, made a picture when somebody asks for it."""

import json
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from edge.chain import Outcome
from edge.show.jpeg import to_jpeg
from edge.values import Frame
from edge.view.found import describe, shares
from edge.vision.pixelate import pixelate

_INTERVAL: Final = 1 / 16
"""Seconds between two pictures of a camera, at least, however many people look."""
_STALE: Final = 5.0
"""Seconds after which a frame is no longer shown: it would pass for what is there now."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame, and what was found in it."""

    number: int
    frame: Frame
    outcome: Outcome
    processed: float
    """Monotonic seconds; the frame's own are those of its source, which may be a file."""

    @property
    def age(self) -> float:
        return time.monotonic() - self.processed


@dataclass(frozen=True, slots=True)
class Picture:
    """What is sent to those who look."""

    number: int
    """Counts the frames of this camera from 1, those that nobody looked at included."""
    message: bytes
    """A line of JSON that says what is in the picture, then the JPEG."""
    made: float
    """Monotonic seconds."""


class Screen:
    """The newest frame of one camera.

    `put` never waits for those who look: it remembers a frame, no more. Encoding is their work, on
    their threads, once for all of them.
    """

    def __init__(self, violations: Collection[str], *, hide_faces: bool) -> None:
        self._violations = violations
        self._hide_faces = hide_faces
        self._newest: _Seen | None = None
        self._picture = Picture(0, b"", float("-inf"))
        self._changed = threading.Condition()
        self._encoding = threading.Lock()
        self._closed = False

    def put(self, frame: Frame, outcome: Outcome) -> None:
        """Take the next frame; the one before is forgotten."""
        with self._changed:
            number = self._newest.number + 1 if self._newest else 1
            self._newest = _Seen(number, frame, outcome, time.monotonic())
            self._changed.notify_all()

    def close(self) -> None:
        """Let go of those who wait for a picture."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def age(self) -> float | None:
        """Seconds since the newest frame was processed; None before the first."""
        newest = self._newest
        return newest.age if newest else None

    def picture(self, after: int, patience: float) -> Picture | None:
        """Wait for a picture that is another than the last.

        Args:
            after: number of the picture that is known already; 0 when there is none.
            patience: seconds to wait, at most.

        Returns:
            The newest one; None if none came in time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._is_news(after), patience)
            if self._closed or not self._is_news(after):
                return None
        with self._encoding:
            pause = self._picture.made + _INTERVAL - time.monotonic()
            if pause > 0:
                if self._picture.number != after:
                    return self._picture
                time.sleep(pause)
            newest = self._newest
            if newest is not None and newest.number != self._picture.number:
                self._picture = self._encode(newest)
            return self._picture

    def _is_news(self, after: int) -> bool:
        newest = self._newest
        return newest is not None and newest.number != after and newest.age < _STALE

    def _encode(self, seen: _Seen) -> Picture:
        pixels = seen.frame.pixels
        height, width = pixels.shape[:2]
        found = {
            "number": seen.number,
            "width": width,
            "height": height,
            "people": describe(seen.outcome.people, width, height, self._violations),
            "bystanders": [shares(box, width, height) for box in seen.outcome.bystanders],
        }
        if self._hide_faces:
            pixels = pixelate(pixels, seen.outcome.faces)
        message = json.dumps(found).encode() + b"\n" + to_jpeg(pixels)
        return Picture(seen.number, message, time.monotonic())
