import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.config import Camera
from edge.errors import MaskGateError
from edge.sources import capture
from edge.sources.capture import Capture
from edge.sources.feed import every_frame
from edge.sources.opening import open_source, open_watched
from edge.sources.source import Source, SourceAway
from edge.sources.state import Record
from edge.sources.video import VideoFile
from edge.values import Frame, Pixels
from tests.waiting import wait_until


def film(path: Path, frames: int, rate: float) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (64, 48))
    for _ in range(frames):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    return path


def opener(text: object) -> Callable[[threading.Event], Source]:
    return lambda unwanted: open_watched("entrance", Camera(source=str(text)), unwanted)


def start(running: Capture) -> None:
    running.begin()
    running.wait_opened()


def all_of(running: Capture, pause: float = 0.0) -> list[Frame]:
    """What a consumer gets that takes this long for each frame."""
    found = []
    while not running.ended:
        frame = running.newest(1.0)
        if frame is not None:
            found.append(frame)
            time.sleep(pause)
    return found


class Scripted:
    """A source that gives this many frames, or fails as told."""

    interval = 0.0
    broken = None
    skipped = 0

    def __init__(self, frames: int, *, live: bool = True, fails: Exception | None = None) -> None:
        self.live = live
        self.left = frames
        self.fails = fails
        self.closed = False

    def read(self) -> Pixels | None:
        if self.left:
            self.left -= 1
            time.sleep(0.01)
            return np.zeros((2, 2, 3), np.uint8)
        if self.fails is not None:
            raise self.fails
        return None

    def close(self) -> None:
        self.closed = True


# Files


def test_a_file_plays_at_its_own_pace_and_ends(tmp_path: Path):
    running = Capture(opener(film(tmp_path / "a.avi", 12, rate=20)), Record("entrance"))
    start(running)
    frames = all_of(running)
    assert [frame.sequence for frame in frames] == list(range(12))
    assert {frame.camera for frame in frames} == {"entrance"}
    assert 0.54 < frames[-1].monotonic - frames[0].monotonic < 2
    assert abs(frames[-1].wall - time.time()) < 5
    assert running.state.dropped == 0
    assert running.newest(0.1) is None


def test_a_slow_consumer_gets_the_newest_frame_and_the_others_are_counted(tmp_path: Path):
    running = Capture(opener(film(tmp_path / "a.avi", 30, rate=40)), Record("entrance"))
    start(running)
    frames = all_of(running, pause=0.2)
    assert 2 <= len(frames) <= 8
    assert frames[-1].sequence == 29
    assert running.state.frames == 30
    assert running.state.dropped == 30 - len(frames)


def test_a_file_that_cannot_be_opened_is_an_error_at_the_start(tmp_path: Path):
    running = Capture(opener(tmp_path / "gone.mp4"), Record("entrance"))
    with pytest.raises(MaskGateError, match=r"gone\.mp4: no such file"):
        start(running)
    assert running.ended


def test_a_source_that_fails_on_the_way_is_an_error_after_its_last_frame():
    source = Scripted(1, live=False, fails=MaskGateError("source a: broken"))
    running = Capture(lambda _: source, Record("entrance"))
    start(running)
    wait_until(lambda: source.closed)
    assert running.newest(1.0) is not None
    with pytest.raises(MaskGateError, match="source a: broken"):
        running.newest(1.0)


def test_a_source_that_fails_while_it_starts_still_gives_its_frame(
    monkeypatch: pytest.MonkeyPatch,
):
    source = Scripted(1, live=False, fails=MaskGateError("source a: broken"))
    running = Capture(lambda _: source, Record("entrance"))
    monkeypatch.setattr(running._tried, "wait", lambda _: wait_until(lambda: running._done))
    start(running)
    assert running.newest(1.0) is not None
    with pytest.raises(MaskGateError, match="source a: broken"):
        running.newest(1.0)


def test_a_fault_of_ours_in_the_thread_is_not_swallowed():
    running = Capture(lambda _: Scripted(0, fails=ZeroDivisionError()), Record("entrance"))
    with pytest.raises(ZeroDivisionError):
        start(running)


def test_every_frame_drops_none_and_carries_the_time_of_the_file(tmp_path: Path):
    source = VideoFile(film(tmp_path / "a.avi", 50, rate=10))
    began, wall = time.monotonic(), time.time()
    frames = []
    for frame in every_frame(source, Record("entrance")):
        frames.append(frame)
        if frame.sequence == 3:
            time.sleep(0.3)  # a slow decision changes nothing
    source.close()
    assert [frame.sequence for frame in frames] == list(range(50))
    assert abs(frames[0].monotonic - began) < 0.2
    assert abs(frames[0].wall - wall) < 0.2
    steps = np.diff([frame.monotonic for frame in frames])
    assert np.allclose(steps, 0.1, atol=0.002)
    assert np.allclose(np.diff([frame.wall for frame in frames]), steps, atol=1e-4)


def test_every_frame_of_a_camera_carries_the_time_it_came():
    began = time.monotonic()
    frames = list(every_frame(Scripted(5), Record("entrance")))
    assert len(frames) == 5
    assert all(np.diff([frame.monotonic for frame in frames]) > 0.005)
    assert frames[-1].monotonic <= time.monotonic()
    assert frames[0].monotonic >= began


# Cameras


def assert_pauses(tries: list[float], pauses: list[float]) -> None:
    """Each pause is at least as long as due, and not much longer (the machine may be busy)."""
    for found, due in zip(np.diff(tries), pauses, strict=True):
        assert due - 0.01 <= found < due + 0.5


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(capture, "LONGEST_PAUSE", 0.2)


@pytest.mark.usefixtures("_hasty")
def test_a_camera_that_is_not_there_is_tried_again_with_one_warning(
    caplog: pytest.LogCaptureFixture,
):
    tries: list[float] = []

    def comes_on_the_sixth_try(_unwanted: object) -> Source:
        tries.append(time.monotonic())
        if len(tries) < 6:
            raise SourceAway("camera a: not there")
        return Scripted(1000)

    running = Capture(comes_on_the_sixth_try, Record("entrance"))
    start(running)
    assert running.newest(0.01) is None
    assert running.state.reason == "camera a: not there"
    wait_until(lambda: running.newest(0.1) is not None)
    running.stop()
    assert_pauses(tries, [0.05, 0.1, 0.2, 0.2, 0.2])
    assert running.state.reason is None
    assert running.state.outages == 1
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "camera a: not there; trying again until it is back"
    ]


@pytest.mark.usefixtures("_hasty")
def test_a_camera_that_breaks_off_is_closed_and_opened_again():
    opened: list[Scripted] = []

    def again(_unwanted: object) -> Source:
        opened.append(Scripted(5 if len(opened) < 2 else 1000))
        return opened[-1]

    running = Capture(again, Record("entrance"))
    start(running)
    wait_until(lambda: len(opened) == 3)
    last = running.newest(1.0)
    assert last is not None
    assert last.sequence >= 9  # counted on across outages
    assert running.state.outages == 2
    assert [source.closed for source in opened] == [True, True, False]
    running.stop()
    assert opened[2].closed


@pytest.mark.usefixtures("_hasty")
def test_a_camera_that_comes_and_goes_is_left_alone_for_longer_each_time():
    opened: list[float] = []

    def gives_one_frame(_unwanted: object) -> Source:
        opened.append(time.monotonic())
        return Scripted(1)

    running = Capture(gives_one_frame, Record("entrance"))
    start(running)
    wait_until(lambda: len(opened) == 5)
    running.stop()
    assert_pauses(opened, [0.05, 0.1, 0.2, 0.2])


@pytest.mark.usefixtures("_hasty")
def test_a_camera_refused_for_a_moment_after_an_outage_is_tried_again():
    outcomes: list[Source | MaskGateError] = [
        Scripted(3),
        MaskGateError("camera a: permission denied"),
        Scripted(1000),
    ]

    def next_one(_unwanted: object) -> Source:
        outcome = outcomes.pop(0)
        if isinstance(outcome, MaskGateError):
            raise outcome
        return outcome

    running = Capture(next_one, Record("entrance"))
    start(running)
    wait_until(lambda: not outcomes)
    assert running.newest(1.0) is not None
    running.stop()


def test_a_camera_refused_at_the_start_is_an_error():
    def refuse(_unwanted: object) -> Source:
        raise MaskGateError("camera a: permission denied")

    with pytest.raises(MaskGateError, match="permission denied"):
        start(Capture(refuse, Record("entrance")))


def test_stopping_does_not_wait_for_a_read_that_hangs(monkeypatch: pytest.MonkeyPatch):
    released = threading.Event()
    source = Scripted(1)
    monkeypatch.setattr(source, "read", lambda: released.wait(60) and None)
    running = Capture(lambda _: source, Record("entrance"))
    start(running)
    began = time.monotonic()
    running.stop()
    assert time.monotonic() - began < 1.5
    assert running.ended
    assert running.newest(0.1) is None
    released.set()
    wait_until(lambda: source.closed)


def test_stopping_ends_a_long_pause_at_once(tmp_path: Path):
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((4, 4, 3), np.uint8))
    running = Capture(opener(tmp_path), Record("entrance"))
    start(running)
    assert running.newest(1.0) is not None  # the next is due in a second
    began = time.monotonic()
    running.stop()
    assert time.monotonic() - began < 0.5


# A real camera on the network


class NetworkCamera:
    """An MJPEG camera as most have it: HTTP, multipart, one JPEG after the other."""

    def __init__(self, port: int = 0) -> None:
        self.running = threading.Event()
        self.running.set()
        running = self.running
        frame = cv2.imencode(".jpg", np.full((48, 64, 3), (30, 120, 250), np.uint8))[1].tobytes()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                while running.is_set():
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(frame)}"
                    try:
                        self.wfile.write(head.encode() + b"\r\n\r\n" + frame + b"\r\n")
                    except OSError:
                        return
                    time.sleep(0.03)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.running.clear()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def camera() -> Iterator[NetworkCamera]:
    made = NetworkCamera()
    yield made
    made.stop()


def test_a_network_camera_is_read_as_red_green_blue(camera: NetworkCamera):
    running = Capture(opener(f"http://127.0.0.1:{camera.port}/video"), Record("entrance"))
    start(running)
    wait_until(lambda: running.state.frames > 10)
    frame = running.newest(1.0)
    running.stop()
    assert frame is not None
    assert np.allclose(frame.pixels[24, 32], (250, 120, 30), atol=12)


def test_a_network_camera_that_breaks_off_comes_back(
    camera: NetworkCamera, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(capture, "FIRST_PAUSE", 0.1)
    url = f"http://admin:secret@127.0.0.1:{camera.port}/video"
    running = Capture(opener(url), Record("entrance"))
    start(running)
    wait_until(lambda: running.state.frames > 3)
    camera.stop()
    wait_until(lambda: running.state.reason is not None)
    before = running.state.frames
    time.sleep(0.5)  # a few tries in vain
    again = NetworkCamera(camera.port)
    wait_until(lambda: running.state.frames > before + 3)
    running.stop()
    again.stop()
    assert running.state.outages == 1
    assert caplog.text.count("WARNING") == 1
    assert "secret" not in caplog.text


def test_a_network_camera_that_answers_something_else_may_come_back():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            for _ in range(2):  # our own look, then FFmpeg's request
                connection, _address = listener.accept()
                connection.settimeout(1)
                if connection.recv(4096):
                    connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
                connection.close()

        threading.Thread(target=refuse, daemon=True).start()
        url = f"http://admin:secret@127.0.0.1:{listener.getsockname()[1]}/video"
        with pytest.raises(SourceAway, match="gives no video; check the path, the user") as raised:
            open_source(Camera(source=url))
    assert "secret" not in str(raised.value)
