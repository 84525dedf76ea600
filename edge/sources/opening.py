"""Open the source that the configuration names."""

import threading
from pathlib import Path

import cv2

from edge.config import Camera
from edge.demo.source import Demo
from edge.errors import MaskGateError
from edge.paths import check_name, reason
from edge.sources.apart import CameraApart
from edge.sources.cameras import is_camera, open_camera
from edge.sources.pictures import Pictures, pictures_in
from edge.sources.source import Source
from edge.sources.stream import masked
from edge.sources.video import VideoFile
from edge.sources.wanted import Wanted

ACCEPTED = (
    "expected demo, a video, GIF, picture or folder of pictures, 0 or /dev/video0, rtsp://…, "
    "http://… or picamera2[:NUMBER]"
)

SILENCE = 10.0
"""Seconds without a picture after which a camera hangs, where nothing else is set."""


def open_source(camera: Camera, *, once: bool = False) -> Source:
    """Open what `camera.source` names, in this process.

    Args:
        camera: the source and, for a camera, what to ask of it.
        once: end the demo after one loop; files end anyway.

    Raises:
        MaskGateError: nothing there, or nothing that can be read.
        SourceAway: a camera that may be there later.
    """
    wanted = _wanted(camera)
    if is_camera(wanted.source):
        return open_camera(wanted)
    return _open_other(camera.source, once=once)


def open_watched(name: str, camera: Camera, unwanted: threading.Event) -> Source:
    """Open what a device watches for months: a camera is read by a process of its own.

    Args:
        name: the camera's, for messages.
        camera: the source and, for a camera, what to ask of it.
        unwanted: set when nobody wants its pictures any more.

    Raises:
        MaskGateError: nothing there, or nothing that can be read.
        SourceAway: a camera that may be there later.
    """
    wanted = _wanted(camera)
    if is_camera(wanted.source):
        return CameraApart(name, wanted, unwanted)
    return _open_other(camera.source, once=False)


def _wanted(camera: Camera) -> Wanted:
    source = camera.source
    if source.isdecimal():
        source = f"/dev/video{int(source)}"
    silence = camera.frozen_after or SILENCE
    return Wanted(source, camera.width, camera.height, camera.rate, silence, camera.format)


def _open_other(text: str, *, once: bool) -> Source:
    if text == "demo":
        return Demo(endless=not once)
    if "://" in text:
        raise MaskGateError(f"source {masked(text)}: unknown kind of URL; {ACCEPTED}")
    try:
        return _open_path(Path(text).expanduser())
    except OSError as error:
        raise MaskGateError(f"source {text}: {reason(error)}") from error
    except RuntimeError as error:  # "~name" of nobody here
        raise MaskGateError(f"source {text}: {error}") from error


def _open_path(path: Path) -> Source:
    check_name(str(path), "source")
    if path.is_dir():
        return Pictures(pictures_in(path))
    if not path.exists():
        raise MaskGateError(f"source {path}: no such file or folder; {ACCEPTED}")
    if not path.is_file():  # a pipe or a socket would block
        raise MaskGateError(f"source {path}: neither a file nor a folder; {ACCEPTED}")
    with path.open("rb") as file:
        head = file.read(4)
    if not head:
        raise MaskGateError(f"source {path}: empty; copy it again from where it came")
    # OpenCV would read the first picture of a GIF only.
    if head != b"GIF8" and cv2.haveImageReader(str(path)):
        return Pictures([path])
    return VideoFile(path)
