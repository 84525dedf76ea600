"""Open the source that the configuration names."""

from pathlib import Path

import cv2

from edge.config import Camera
from edge.demo.source import Demo
from edge.errors import MaskGateError
from edge.paths import check_name, reason
from edge.sources.picamera import PiCamera
from edge.sources.pictures import Pictures, pictures_in
from edge.sources.source import Source
from edge.sources.stream import PORTS, Stream, masked
from edge.sources.v4l2 import V4l2Camera
from edge.sources.video import VideoFile

ACCEPTED = (
    "expected demo, a video, GIF, picture or folder of pictures, 0 or /dev/video0, rtsp://…, "
    "http://… or picamera2"
)


def open_source(camera: Camera, *, once: bool = False) -> Source:
    """Open what `camera.source` names.

    Args:
        camera: the source and, for a camera, the size and rate to ask of it.
        once: end the demo after one loop; files end anyway.

    Raises:
        MaskGateError: nothing there, or nothing that can be read.
        SourceAway: a camera that may be there later.
    """
    text = camera.source
    if text == "demo":
        return Demo(endless=not once)
    if text == "picamera2":
        return PiCamera(camera.width, camera.height, camera.rate)
    if text.isdecimal():
        text = f"/dev/video{int(text)}"
    if text.startswith("/dev/"):
        return V4l2Camera(text, camera.width, camera.height, camera.rate)
    if "://" in text:
        if text.split("://", 1)[0] not in PORTS:
            raise MaskGateError(f"source {masked(text)}: unknown kind of URL; {ACCEPTED}")
        return Stream(text)
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
