"""The cameras: where frames come from, each a table [cameras.NAME]."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from edge.bundle import Share
from edge.config.hours import HoursText
from edge.config.section import NUMBER_AS_TEXT, Name, Seconds, Section

DEFAULT_NAME = "entrance"
"""The camera of a device whose settings name none."""
MOST_CAMERAS = 16


Zone = Annotated[tuple[tuple[Share, Share], ...], Field(min_length=3, max_length=64)]
"""A polygon."""


class Camera(Section):
    """One camera, or what is watched in its place."""

    source: Annotated[str, NUMBER_AS_TEXT] = Field(
        "demo",
        min_length=1,
        description="demo; a video, GIF, picture or folder of pictures; 0 or /dev/video0; "
        "rtsp://…, http://…; picamera2, or picamera2:1 for the second one.",
    )
    width: int = Field(640, ge=64, le=8192, description="Width asked of a camera, pixels.")
    height: int = Field(480, ge=64, le=8192, description="Height asked of a camera, pixels.")
    rate: float = Field(15, gt=0, le=240, description="Frames per second asked of a camera.")
    format: Literal["MJPG", "YUYV"] | None = Field(
        None,
        description="How a USB camera sends its pictures: MJPG, JPEGs, as when not set; YUYV, raw: "
        "sharper, less work, and few frames per second.",
    )
    frozen_after: Seconds = Field(
        10,
        description="Seconds of exactly the same picture, or of none, after which a camera is "
        "opened again; 0: a picture may stay the same.",
    )
    zones: tuple[Zone, ...] = Field(
        (),
        max_length=32,
        description="Where a face counts: polygons of points [x, y], as shares of the frame's "
        "width and height from its upper left corner; a face counts whose centre is in one of "
        "them. Everywhere when not set.",
    )
    min_face: float | None = Field(
        None,
        gt=0,
        le=2000,
        description="Longer side in pixels from which a face counts at this camera; "
        "detector.min_face when not set.",
    )
    hours: tuple[HoursText, ...] = Field(
        (),
        max_length=64,
        description='When it watches, in local time, e.g. ["Mon-Fri 07:00-19:00"]; outside of them '
        "the camera is closed. Always when not set.",
    )


def as_variable(name: str) -> str:
    """A camera's name as environment variables and Home Assistant have it: lower, no hyphens."""
    return name.lower().replace("-", "_")


def _told_apart(cameras: dict[str, Camera]) -> dict[str, Camera]:
    twice = _first_twice(map(as_variable, cameras))
    if twice:
        raise ValueError(f"two names that are both {twice} where there are no capitals and hyphens")
    return cameras


def _first_twice(words: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for word in words:
        if word in seen:
            return word
        seen.add(word)
    return None


Cameras = Annotated[
    dict[Name, Camera],
    Field(min_length=1, max_length=MOST_CAMERAS),
    AfterValidator(_told_apart),
]
"""The cameras by their names in alerts and topics."""
