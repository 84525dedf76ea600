"""Cameras: the sources that are read as their pictures come, and may go away and come back."""

from collections.abc import Callable

from edge.sources.picamera import PiCamera, number_of
from edge.sources.source import Source
from edge.sources.stream import PORTS, Stream, reach
from edge.sources.v4l2 import V4l2Camera, require_device
from edge.sources.wanted import Wanted


def is_camera(source: str) -> bool:
    """Tell whether a source is a camera, and no file or demo."""
    return number_of(source) is not None or source.startswith("/dev/") or _is_url(source)


def look_for(source: str) -> None:
    """Look whether a camera is there at all, without the driver: that takes seconds at most.

    Raises:
        SourceAway: it is not there now.
        MaskGateError: it can never be there, or is not this user's.
    """
    if source.startswith("/dev/"):
        require_device(source)
    elif _is_url(source):
        reach(source)


def open_camera(wanted: Wanted) -> Source:
    """Open a camera in this process; a driver may hang.

    Raises:
        SourceAway: it does not answer, or gives no pictures.
        MaskGateError: it can never be, or refuses what is asked of it.
    """
    opener: Callable[[Wanted], Source] = Stream
    if number_of(wanted.source) is not None:
        opener = PiCamera
    elif wanted.source.startswith("/dev/"):
        opener = V4l2Camera
    return opener(wanted)


def _is_url(source: str) -> bool:
    return source.split("://", 1)[0] in PORTS and "://" in source
