"""The camera on a ribbon, by a stand-in that has picamera2's signatures."""

import sys
import types
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, NoReturn

import numpy as np
import pytest

from edge.config import Camera
from edge.errors import MaskGateError
from edge.sources.opening import open_source
from edge.sources.picamera import READ_LIMIT
from edge.sources.source import SourceAway
from edge.values import Pixels
from tests.media import (
    ORANGE,
    source_of,
)


class StandInCamera:
    """Has picamera2's methods with their parameters, and its way to lay out pictures in memory."""

    scene = np.full((48, 62, 3), ORANGE, np.uint8)
    hangs = False
    refuses = False

    def __init__(
        self,
        camera_num: int = 0,
        verbose_console: Any = None,  # noqa: ARG002
        tuning: Any = None,  # noqa: ARG002
        allocator: Any = None,  # noqa: ARG002
    ) -> None:
        self.number = camera_num
        self.calls: list[str] = []
        self.config: dict[str, Any] = {}

    def create_video_configuration(
        self,
        main: dict[str, Any],
        lores: dict[str, Any] | None = None,
        raw: dict[str, Any] | None = None,
        transform: Any = None,  # noqa: ARG002
        colour_space: Any = None,  # noqa: ARG002
        buffer_count: int = 6,
        controls: dict[str, Any] | None = None,
        display: str = "main",  # noqa: ARG002
        encode: str = "main",  # noqa: ARG002
        queue: bool = True,  # noqa: ARG002, FBT001, FBT002
        sensor: dict[str, Any] | None = None,  # noqa: ARG002
        use_case: str = "video",
    ) -> dict[str, Any]:
        streams = {"main": main, "lores": lores, "raw": raw}
        return {"use_case": use_case, "buffer_count": buffer_count, "controls": controls, **streams}

    def configure(self, camera_config: dict[str, Any]) -> None:
        width, height = camera_config["main"]["size"]
        if width % 2 or height % 2 or self.refuses:
            raise RuntimeError("Invalid camera configuration")
        self.config = camera_config
        self.calls.append("configure")

    def start(self, config: Any = None, show_preview: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        assert self.config
        self.calls.append("start")

    def capture_array(
        self, name: str = "main", wait: Any = None, signal_function: Any = None
    ) -> Pixels:
        assert (name, wait, signal_function) == ("main", READ_LIMIT, None)
        if self.hangs:
            raise FutureTimeout
        order = {"RGB888": slice(None, None, -1), "BGR888": slice(None)}
        height, width = self.scene.shape[:2]
        # Rows begin at multiples of 64 bytes, and what is between them is anything.
        buffer = np.full((height, -(-width * 3 // 64) * 64), 77, np.uint8)
        row = self.scene[..., order[self.config["main"]["format"]]].reshape(height, width * 3)
        buffer[:, : width * 3] = row
        return buffer[:, : width * 3].reshape(height, width, 3)

    def cancel_all_and_flush(self) -> None:
        self.calls.append("cancel_all_and_flush")

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def picamera2(monkeypatch: pytest.MonkeyPatch):
    """Installs the stand-in as the package picamera2; gives the cameras made."""
    made: list[StandInCamera] = []

    def make(*options: Any) -> StandInCamera:
        made.append(StandInCamera(*options))
        return made[-1]

    package = types.ModuleType("picamera2")
    monkeypatch.setattr(package, "Picamera2", make, raising=False)
    monkeypatch.setitem(sys.modules, "picamera2", package)
    return made


def test_the_ribbon_camera_gives_red_green_blue_at_the_size_and_rate_asked(
    picamera2: list["StandInCamera"],
):
    source = open_source(Camera(source="picamera2", width=641, height=480, rate=20))
    pixels = source.read()
    assert np.array_equal(pixels, StandInCamera.scene)
    assert pixels.flags.c_contiguous
    assert (source.interval, source.live) == (0.0, True)
    source.close()
    [camera] = picamera2
    assert camera.config["main"]["size"] == (640, 480)
    assert camera.config["controls"] == {"FrameDurationLimits": (50_000, 50_000)}
    assert camera.calls == ["configure", "start", "stop", "close"]


@pytest.mark.parametrize(("text", "number"), [("picamera2", 0), ("picamera2:1", 1)])
def test_the_second_ribbon_camera_is_named_by_its_number(
    picamera2: list["StandInCamera"], text: str, number: int
):
    open_source(source_of(text))
    assert picamera2[0].number == number


def test_a_ribbon_camera_that_hangs_is_let_go(picamera2: list["StandInCamera"]):
    source = open_source(source_of("picamera2"))
    [camera] = picamera2
    camera.hangs = True
    assert source.read() is None
    source.close()
    assert camera.calls == ["configure", "start", "cancel_all_and_flush", "stop", "close"]


def test_settings_that_the_ribbon_camera_refuses_are_named(
    picamera2: list["StandInCamera"], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(StandInCamera, "refuses", True)
    with pytest.raises(MaskGateError, match=r"refuses 640 x 480.*set its width") as raised:
        open_source(source_of("picamera2"))
    assert not isinstance(raised.value, SourceAway)
    assert picamera2[0].calls == ["close"]


def test_without_a_ribbon_camera_the_cable_is_named(monkeypatch: pytest.MonkeyPatch):
    def none(_number: int) -> NoReturn:
        raise RuntimeError("Camera __init__ sequence did not complete.")

    package = types.ModuleType("picamera2")
    monkeypatch.setattr(package, "Picamera2", none, raising=False)
    monkeypatch.setitem(sys.modules, "picamera2", package)
    with pytest.raises(SourceAway, match="ribbon cable"):
        open_source(source_of("picamera2"))


def test_without_picamera2_the_way_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(MaskGateError, match=r"apt install python3-picamera2.*--system-site-pack"):
        open_source(source_of("picamera2"))
