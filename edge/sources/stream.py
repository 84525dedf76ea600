"""Network cameras: RTSP, and MJPEG or video over HTTP."""

import os
import re
import socket
from urllib.parse import urlsplit

import cv2

from edge.errors import MaskGateError
from edge.sources.colours import to_rgb
from edge.sources.source import SourceAway
from edge.values import Pixels

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
"""The schemes, and the port of each when the URL names none (RFC 7826, RFC 9110)."""
CONNECT_LIMIT = 5.0
"""Seconds that a camera has to take the connection."""
OPEN_LIMIT = 10.0
"""Seconds until a video must have begun; some cameras send a whole picture every few seconds."""
READ_LIMIT = 10.0
"""Seconds without a frame until the camera counts as away."""


def masked(url: str) -> str:
    """The URL without what may be secret: the password, the query, `password=…` in the path."""
    # Up to the last "@", since a password may hold any character.
    shown = re.sub(r"//([^/:@]*):.*@", r"//\1:***@", url)
    shown = re.sub(r"\?.*", "?***", shown)
    return re.sub(r"(?i)((?:password|passwd|pass|pwd|token|key)=)[^&;/]*", r"\1***", shown)


class Stream:
    """A network camera, read as its frames come."""

    interval = 0.0
    live = True
    broken = None

    def __init__(self, url: str) -> None:
        """Connect to the camera.

        Args:
            url: rtsp://[user:password@]host[:port]/path, rtsps://…, http://… or https://…

        Raises:
            MaskGateError: no such URL can be right.
            SourceAway: the camera does not answer, or gives no video.
        """
        self._name = masked(url)
        self._reach(url)
        # RTSP over UDP loses packets and freezes half the picture.
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
        limits = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(OPEN_LIMIT * 1000)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(READ_LIMIT * 1000)),
        ]
        self._capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, limits)
        if not self._capture.isOpened():
            raise SourceAway(
                f"camera {self._name}: answers, but gives no video; "
                "check the path, the user and the password in its URL"
            )

    def _reach(self, url: str) -> None:
        """Try the connection, since OpenCV does not say why it failed."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or PORTS[parts.scheme]
        except ValueError:  # its text may quote a part of the password
            host = None
        if not host:
            raise MaskGateError(
                f"source {self._name}: not a camera's URL; "
                "expected rtsp://[user:password@]host[:port]/path, rtsps://, http:// or https://, "
                "with characters like / and # in a password written as %2F and %23"
            )
        try:
            socket.create_connection((host, port), CONNECT_LIMIT).close()
        except OSError as error:
            raise SourceAway(
                f"camera {self._name}: cannot connect ({error.strerror or error}); "
                "is it on, and is the address right?"
            ) from error

    def read(self) -> Pixels | None:
        """The next frame; None when the camera has broken off or stays silent too long."""
        there, pixels = self._capture.read()
        return to_rgb(pixels) if there else None

    def close(self) -> None:
        """Hang up."""
        self._capture.release()
