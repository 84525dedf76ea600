"""What is asked of a camera; the process that reads it gets no more of the settings than this."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """A camera, and how its pictures should be."""

    source: str
    """picamera2, /dev/video0 or a URL."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    rate: float
    """Frames per second."""
    silence: float
    """Seconds without a picture after which it counts as hung."""
    format: str | None = None
    """"MJPG" or "YUYV": how a USB camera sends its pictures; None: MJPG where it can."""

    def to_json(self) -> bytes:
        """For another process."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Wanted":
        """What another process has written."""
        return cls(**json.loads(text))
