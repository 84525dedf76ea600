"""Cameras that fail in every way, as real processes that hang, lie and die."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edge.config import Camera
from edge.sources import apart
from edge.sources.apart import CameraApart
from edge.sources.capture import Capture
from edge.sources.frame_memory import FrameMemory, new_memory
from edge.sources.freeze import Freeze
from edge.sources.opening import open_watched
from edge.sources.source import SourceAway
from edge.sources.state import Record
from tests.waiting import free_port, wait_until

SERVER = Path(__file__).with_name("camera_server.py")
BACK_WITHIN = 10.0
"""Seconds after which a camera that is back must be seen again."""


class NetworkCamera:
    """Has a port of its own, and can be started again at it."""

    def __init__(self, scheme: str) -> None:
        self.scheme, self.port = scheme, free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://admin:s3cret@127.0.0.1:{self.port}/live"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER), self.scheme, str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # FFmpeg complains of the codec's tag.
            text=True,
        )
        assert self.process.stdout
        assert int(self.process.stdout.readline()) == self.port

    def be(self, mode: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{mode}\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        with self.process:
            self.process.kill()

    def fail(self, fault: str) -> None:
        if fault == "killed":
            self.kill()
        elif fault == "hung":
            self.process.send_signal(signal.SIGSTOP)
        else:
            self.be(fault)

    def heal(self, fault: str) -> None:
        if fault == "killed":
            self.start()
        elif fault == "hung":
            self.process.send_signal(signal.SIGCONT)
        else:
            self.be("live")


@pytest.fixture
def network_camera() -> Iterator[Callable[[str], NetworkCamera]]:
    made: list[NetworkCamera] = []

    def make(scheme: str) -> NetworkCamera:
        made.append(NetworkCamera(scheme))
        return made[-1]

    yield make
    for camera in made:
        camera.kill()


@pytest.fixture
def watched() -> Iterator[Callable[..., Capture]]:
    """Watches a camera like a device does, with little patience."""
    running: list[Capture] = []

    def watch(source: str, frozen_after: float = 1.5) -> Capture:
        camera = Camera(source=source, frozen_after=frozen_after)
        opener = partial(open_watched, "entrance", camera)
        running.append(Capture(opener, Record("entrance"), frozen_after=frozen_after))
        running[-1].begin()
        return running[-1]

    yield watch
    for capture in running:
        capture.stop()


def readers() -> list[int]:
    """The processes that read cameras for this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if int(state[1]) == os.getpid() and state[0] != "Z" and b"edge.sources.reader" in command:
            found.append(int(folder.name))
    return found


def delivers(capture: Capture, within: float = BACK_WITHIN) -> None:
    """Wait until new pictures come."""
    before = capture.state.frames
    wait_until(
        lambda: capture.state.condition == "delivering" and capture.state.frames > before, within
    )


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_network_camera_is_read_as_red_green_blue(
    network_camera: Callable[[str], NetworkCamera], watched: Callable[..., Capture], scheme: str
) -> None:
    capture = watched(network_camera(scheme).url)
    delivers(capture)
    frame = capture.newest(1)
    assert frame is not None
    assert frame.pixels.shape == (48, 64, 3)
    assert np.allclose(frame.pixels[40, 32], (250, 120, 30), atol=20)


SILENT, SHUT = "no picture for 1.5 s", "cannot connect"
GONE = "answers, but gives no video"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("killed", {"http": SHUT, "rtsp": SHUT}),
        ("hung", {"http": SILENT, "rtsp": SILENT}),
        ("silent", {"http": SILENT, "rtsp": SILENT}),
        ("rubbish", {"http": "", "rtsp": SILENT}),
        ("gone", {"http": GONE, "rtsp": GONE}),
        ("freeze", {"http": "the same picture for 1.5 s"}),
    ],
)
def test_cameras_that_fail_are_noticed_and_seen_again_within_ten_seconds_of_being_back(
    network_camera: Callable[[str], NetworkCamera],
    watched: Callable[..., Capture],
    caplog: pytest.LogCaptureFixture,
    fault: str,
    said: dict[str, str],
) -> None:
    cameras = [network_camera(scheme) for scheme in said]
    captures = [watched(camera.url) for camera in cameras]
    reasons = set()

    def is_said(capture: Capture, why: str) -> bool:
        reasons.add(capture.state.reason)
        return capture.state.condition == "away" and why in str(capture.state.reason)

    for capture in captures:
        delivers(capture)
    for camera in cameras:
        camera.fail(fault)
    for capture, why in zip(captures, said.values(), strict=True):
        wait_until(partial(is_said, capture, why), 15)
    time.sleep(6)  # The pauses grow to their longest.
    for camera in cameras:
        camera.heal(fault)
    healed = time.monotonic()
    for capture in captures:
        delivers(capture, healed + BACK_WITHIN - time.monotonic())
        state = capture.state
        assert (state.condition, state.reason, state.outages) == ("delivering", None, 1)
    assert "s3cret" not in f"{reasons} {caplog.text}"
    assert len(readers()) == len(cameras)


def test_a_reader_that_hangs_in_its_driver_is_killed_and_replaced(
    network_camera: Callable[[str], NetworkCamera], watched: Callable[..., Capture]
) -> None:
    capture = watched(network_camera("http").url)
    delivers(capture)
    [hung] = readers()
    os.kill(hung, signal.SIGSTOP)
    wait_until(lambda: capture.state.condition == "away")
    assert "no picture for 1.5 s, it hangs" in str(capture.state.reason)
    delivers(capture)
    [reader] = readers()
    assert reader != hung


def test_a_decoder_that_crashes_takes_nothing_along(
    network_camera: Callable[[str], NetworkCamera], watched: Callable[..., Capture]
) -> None:
    capture = watched(network_camera("http").url)
    delivers(capture)
    os.kill(readers()[0], signal.SIGSEGV)
    wait_until(lambda: capture.state.condition == "away")
    assert "what reads it has crashed (signal 11)" in str(capture.state.reason)
    delivers(capture)


def test_stopping_ends_the_reader_also_one_that_hangs(
    network_camera: Callable[[str], NetworkCamera], watched: Callable[..., Capture]
) -> None:
    capture = watched(network_camera("http").url, frozen_after=60)
    delivers(capture)
    os.kill(readers()[0], signal.SIGSTOP)
    time.sleep(0.2)
    capture.stop()
    wait_until(lambda: not readers(), 5)


def test_a_killed_device_leaves_no_reader_behind(
    network_camera: Callable[[str], NetworkCamera],
) -> None:
    code = (
        "import sys, threading; from edge.config import Camera;"
        "from edge.sources.opening import open_watched;"
        "a = open_watched('a', Camera(source=sys.argv[1]), threading.Event());"
        "print(a._process.pid if a.read() is not None else 0, flush=True); a._process.wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, network_camera("http").url], stdout=subprocess.PIPE
    ) as device:
        assert device.stdout
        reader = int(device.stdout.readline())
        device.kill()
    wait_until(lambda: not Path(f"/proc/{reader}").exists(), 5)


def test_a_camera_that_hangs_while_it_is_opened_is_given_up(
    network_camera: Callable[[str], NetworkCamera], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "OPEN_LIMIT", 1.0)
    camera = network_camera("http")
    camera.fail("hung")  # its system still takes connections
    began = time.monotonic()
    with pytest.raises(SourceAway, match="camera door: does not open within 1 s"):
        open_watched("door", Camera(source=camera.url), threading.Event())
    assert time.monotonic() - began < 4
    assert not readers()


def test_no_more_readers_are_started_while_drivers_hold_them(
    network_camera: Callable[[str], NetworkCamera], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [subprocess.Popen(["sleep", "60"]) for _ in range(apart.MOST_STUCK)]
    monkeypatch.setattr(apart, "_stuck", held)
    camera, unwanted = Camera(source=network_camera("http").url), threading.Event()
    with pytest.raises(SourceAway, match=f"drivers hold the processes {held[0].pid}, "):
        open_watched("door", camera, unwanted)
    for process in held:
        with process:
            process.kill()
    opened = open_watched("door", camera, unwanted)
    assert isinstance(opened, CameraApart)
    opened.close()


def test_pictures_that_nobody_waited_for_are_counted_as_dropped(
    network_camera: Callable[[str], NetworkCamera],
) -> None:
    camera = Camera(source=network_camera("http").url)
    source = open_watched("door", camera, threading.Event())
    assert source.read() is not None
    time.sleep(0.5)  # twelve pictures
    assert source.read() is not None
    source.close()
    assert 5 <= source.skipped <= 15


# What the parts do


def test_the_memory_of_frames_grows_with_them_and_holds_what_was_written() -> None:
    descriptor = new_memory()
    ours, theirs = FrameMemory(descriptor), FrameMemory(os.dup(descriptor))
    random = np.random.default_rng(1)
    for height, width in [(48, 64), (2, 2), (480, 640)]:
        pixels = random.integers(0, 255, (height, width, 3), np.uint8)
        theirs.write(pixels)
        assert np.array_equal(ours.read(height, width), pixels)
    for height, width in [(0, 5), (-1, -1), (99_999, 99_999)]:
        with pytest.raises(ValueError, match="no picture has"):
            ours.read(height, width)
    ours.close()
    theirs.close()


def test_a_picture_stands_when_not_a_single_pixel_changes_for_too_long() -> None:
    freeze, still = Freeze(), np.zeros((48, 64, 3), np.uint8)
    assert [freeze.see(still.copy(), now, 10) for now in (0, 5, 9.9)] == [False] * 3
    moved = still.copy()
    moved[17, 3, 1] = 1
    assert [freeze.see(moved.copy(), now, 10) for now in (10, 19)] == [False] * 2
    assert freeze.see(moved.copy(), 20, 10)
    freeze.opened(21)
    assert not freeze.see(moved.copy(), 22, 10)  # it has its time again,
    assert freeze.stands  # and is not taken for living
    assert freeze.see(moved.copy(), 31, 10)
    assert not freeze.see(still.copy(), 32, 10)
    assert not freeze.stands


def test_a_picture_may_stand_for_ever_where_that_is_set() -> None:
    freeze, still = Freeze(), np.zeros((48, 64, 3), np.uint8)
    assert not any(freeze.see(still, now, 0) for now in (0, 1e9))
    assert not freeze.stands
