"""USB cameras and other V4L2 devices."""

import logging
import os
from pathlib import Path

import cv2

from edge.errors import MaskGateError
from edge.sources.colours import to_rgb
from edge.sources.source import SourceAway
from edge.sources.wanted import Wanted
from edge.values import Pixels

log = logging.getLogger(__name__)


class V4l2Camera:
    """A camera at /dev/video0 or the like."""

    interval = 0.0
    live = True
    broken = None
    skipped = 0

    def __init__(self, wanted: Wanted) -> None:
        """Open the camera and ask for a format, size and rate; it may settle for another.

        Args:
            wanted: the source e.g. "/dev/video0", and the rest.

        Raises:
            MaskGateError: this user may not open the device.
            SourceAway: no camera there, or it gives no pictures.
        """
        device = wanted.source
        require_device(device)
        self._capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise SourceAway(
                f"camera {device}: gives no pictures; it is no camera or another program uses it "
                f"(cameras here: {_cameras()})"
            )
        # USB carries raw 640x480 at 30 frames/s at most, so ask for JPEGs, and before the size:
        # the format decides which sizes there are. A camera without MJPG keeps its own format.
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*(wanted.format or "MJPG")))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, wanted.width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wanted.height)
        self._capture.set(cv2.CAP_PROP_FPS, wanted.rate)
        log.info(
            "camera %s gives %s, %d x %d at %g frames/s",
            device,
            _fourcc(int(self._capture.get(cv2.CAP_PROP_FOURCC))),
            self._capture.get(cv2.CAP_PROP_FRAME_WIDTH),
            self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT),
            self._capture.get(cv2.CAP_PROP_FPS),
        )

    def read(self) -> Pixels | None:
        """The next frame; None when the camera has gone, or sends no picture."""
        there, pixels = self._capture.read()
        return to_rgb(pixels) if there else None

    def close(self) -> None:
        """Let go of the device."""
        self._capture.release()


def _cameras() -> str:
    return ", ".join(sorted(map(str, Path("/dev").glob("video*")))) or "none"


def require_device(device: str) -> None:
    """Check that a device is there and this user's.

    Raises:
        SourceAway: it is not there.
        MaskGateError: this user may not open it.
    """
    if not Path(device).exists():
        raise SourceAway(
            f"camera {device}: not there (cameras here: {_cameras()}); is it plugged in? "
            "A Raspberry Pi's ribbon camera is source picamera2"
        )
    if not os.access(device, os.R_OK | os.W_OK):
        raise MaskGateError(
            f"camera {device}: permission denied; add this user to the group video "
            "('sudo usermod -aG video $USER'), then log in again"
        )


def _fourcc(number: int) -> str:
    """A format as four letters."""
    letters = number.to_bytes(4, "little", signed=number < 0).decode("latin-1")
    return letters if letters.isprintable() else str(number)
