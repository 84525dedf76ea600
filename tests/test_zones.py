from pathlib import Path

import numpy as np
import pytest

from edge.config import Camera
from edge.errors import MaskGateError
from edge.loading import load_settings
from edge.people.zones import Zones
from edge.values import Box, Face, Frame, Landmarks

LEFT_HALF = ((0, 0), (0.5, 0), (0.5, 1), (0, 1))
TRIANGLE = ((0.5, 0), (1, 1), (0.5, 1))


def face(x: float, y: float, side: float = 60) -> Face:
    """A face around a point of a frame of 640 x 480."""
    nose = (x, y)
    box = Box(x - side / 4, y - side / 2, x + side / 4, y + side / 2)
    return Face(box, 0.9, Landmarks(nose, nose, nose, nose, nose))


FRAME = Frame(np.zeros((480, 640, 3), np.uint8), "door", 0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("zones", "place", "counts"),
    [
        ((), (639, 1), True),
        ((LEFT_HALF,), (310, 240), True),
        ((LEFT_HALF,), (330, 240), False),
        ((LEFT_HALF, TRIANGLE), (330, 240), True),
        ((TRIANGLE,), (600, 100), False),
        ((TRIANGLE,), (600, 440), True),
    ],
)
def test_a_face_counts_whose_centre_is_in_a_zone(
    zones: tuple[tuple[tuple[float, float], ...], ...], place: tuple[float, float], *, counts: bool
) -> None:
    found = face(*place)
    assert Zones(Camera(zones=zones)).counted([found], FRAME) == ([found] if counts else [])


def test_a_face_counts_that_is_large_enough_for_the_camera() -> None:
    large, small = face(100, 100, 90), face(300, 100, 80)
    assert Zones(Camera(min_face=85)).counted([small, large], FRAME) == [large]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zones = [[[0.1, 0.1], [0.2, 0.2]]]", "cameras.a.zones.0: tuple should have at least 3"),
        ("zones = [[[0, 0], [1, 0], [1, 1.2]]]", "less than or equal to 1, found 1.2"),
        ("hours = ['Mon 7-8']", 'cameras.a.hours.0: expected e.g. "Mon-Fri 07:00-19:00"'),
        ("min_face = 20", "cameras.a.min_face: 20 is less than detector.min_face, 40"),
        ("format = 'H264'", "cameras.a.format: input should be 'MJPG' or 'YUYV'"),
    ],
)
def test_what_cannot_be_is_refused_by_file_and_key(
    tmp_path: Path, text: str, expected: str
) -> None:
    file = tmp_path / "maskgate.toml"
    file.write_text(f"[cameras.a]\n{text}\n")
    with pytest.raises(MaskGateError) as caught:
        load_settings(file, environment={})
    assert expected in str(caught.value)
    assert str(caught.value).startswith(f"settings {file}: ")
