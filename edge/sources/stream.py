"""Network cameras: RTSP, and MJPEG or video over HTTP."""

import os
import re
import socket
from urllib.parse import urlsplit

import cv2

from edge.errors import MaskGateError
from edge.sources.colours import to_rgb
from edge.sources.source import SourceAway
from edge.sources.wanted import Wanted
from edge.values import Pixels

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
"""The schemes, and the port of each when the URL names none (RFC 7826, RFC 9110)."""
CONNECT_LIMIT = 3.0
"""Seconds that a camera has to take the connection."""
OPEN_LIMIT = 6.0
"""Seconds until a video must have begun; some cameras send a whole picture every few seconds."""
READ_MARGIN = 5.0
"""Seconds that FFmpeg waits for longer than the device does: when it gives up, it first shows what
it had kept back, as if the camera were alive."""


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
    skipped = 0

    def __init__(self, wanted: Wanted) -> None:
        """Connect to the camera.

        Args:
            wanted: the source rtsp://[user:password@]host[:port]/path, rtsps://…, http://… or
                https://…; its size and rate are as set at the camera.

        Raises:
            MaskGateError: no such URL can be right.
            SourceAway: the camera does not answer, or gives no video.
        """
        url = wanted.source
        reach(url)
        # RTSP over UDP loses packets and freezes half the picture.
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
        limits = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(OPEN_LIMIT * 1000)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round((wanted.silence + READ_MARGIN) * 1000)),
        ]
        self._capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, limits)
        if not self._capture.isOpened():
            raise SourceAway(
                f"camera {masked(url)}: answers, but gives no video; "
                "check the path, the user and the password in its URL"
            )

    def read(self) -> Pixels | None:
        """The next frame; None when the camera has broken off or stays silent too long."""
        there, pixels = self._capture.read()
        return to_rgb(pixels) if there else None

    def close(self) -> None:
        """Hang up."""
        self._capture.release()


def reach(url: str) -> None:
    """Try the connection, since OpenCV does not say why it failed.

    Raises:
        MaskGateError: no such URL can be right.
        SourceAway: the camera does not take the connection.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORTS[parts.scheme]
    except ValueError:  # its text may quote a part of the password
        host = None
    if not host:
        raise MaskGateError(
            f"source {masked(url)}: not a camera's URL; "
            "expected rtsp://[user:password@]host[:port]/path, rtsps://, http:// or https://, "
            "with characters like / and # in a password written as %2F and %23"
        )
    try:
        socket.create_connection((host, port), CONNECT_LIMIT).close()
    except OSError as error:
        raise SourceAway(
            f"camera {masked(url)}: cannot connect ({error.strerror or error}); "
            "is it on, and is the address right?"
        ) from error
