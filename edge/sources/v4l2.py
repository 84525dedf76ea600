"""USB cameras and other V4L2 devices."""

import logging
import os
from pathlib import Path

import cv2

from edge.errors import MaskGateError
from edge.sources.colours import to_rgb
from edge.sources.source import SourceAway
from edge.values import Pixels

log = logging.getLogger(__name__)


class V4l2Camera:
    """A camera at /dev/video0 or the like."""

    interval = 0.0
    live = True
    broken = None

    def __init__(self, device: str, width: int, height: int, rate: float) -> None:
        """Open the camera and ask for a size and rate; it may settle for another.

        Args:
            device: e.g. "/dev/video0".
            width: pixels.
            height: pixels.
            rate: frames per second.

        Raises:
            MaskGateError: this user may not open the device.
            SourceAway: no camera there, or it gives no pictures.
        """
        self._check(device)
        self._capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise SourceAway(
                f"camera {device}: gives no pictures; it is no camera or another program uses it "
                f"(cameras here: {_cameras()})"
            )
        # USB carries raw 640x480 at 30 frames/s at most, so ask for JPEGs, and before the size:
        # the format decides which sizes there are. A camera without MJPG keeps its own format.
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        self._capture.set(cv2.CAP_PROP_FPS, rate)
        log.info(
            "camera %s gives %d x %d at %g frames/s",
            device,
            self._capture.get(cv2.CAP_PROP_FRAME_WIDTH),
            self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT),
            self._capture.get(cv2.CAP_PROP_FPS),
        )

    @staticmethod
    def _check(device: str) -> None:
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

    def read(self) -> Pixels | None:
        """The next frame; None when the camera has gone (OpenCV waits 10 s at most)."""
        there, pixels = self._capture.read()
        return to_rgb(pixels) if there else None

    def close(self) -> None:
        """Let go of the device."""
        self._capture.release()


def _cameras() -> str:
    return ", ".join(sorted(map(str, Path("/dev").glob("video*")))) or "none"
