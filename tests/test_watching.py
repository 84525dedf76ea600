"""A running watch: several cameras, pauses, and those who look on."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.alerting.alerts import Alert
from edge.chain import Outcome
from edge.config import Broker, Camera, Classifier, Detector, Outbox, Settings
from edge.ending import End
from edge.errors import MaskGateError
from edge.values import Frame
from edge.watch.observer import Observer
from edge.watch.running import Watch
from tests.conftest import free_port, wait_until


class Onlooker(Observer):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.frames: Counter[str] = Counter()
        self.order: list[str] = []
        self.alerts: list[Alert] = []
        self.rounds = 0

    def saw(self, camera: str, frame: Frame, outcome: Outcome) -> None:
        assert frame.camera == camera
        assert set(outcome.seconds) == {"gate", "detect", "track", "classify", "decide"}
        self.frames[camera] += 1
        self.order.append(camera)

    def told(self, alerts: Sequence[Alert]) -> None:
        self.alerts += alerts

    def went_round(self) -> None:
        self.rounds += 1


def settings(tmp_path: Path, **sources: object) -> Settings:
    return Settings(
        cameras={name: Camera(source=str(source)) for name, source in sources.items()},
        broker=Broker(url=f"mqtt://127.0.0.1:{free_port()}"),
        detector=Detector(accelerator="cpu"),
        classifier=Classifier(accelerator="cpu"),
        outbox=Outbox(path=tmp_path / "outbox"),
    )


def film(path: Path, frames: int, rate: float = 20) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (64, 48))
    for _ in range(frames):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    return path


def made(settings: Settings, *, once: bool = False) -> Watch:
    return Watch(settings, str, once=once)


def run(watching: Watch, seconds: float | None = None) -> Onlooker:
    """Run to the end, on this thread."""
    onlooker = Onlooker()
    watching.observe(onlooker)
    with End(seconds) as end, watching:
        watching.run(end)
        watching.finish()
    return onlooker


@contextmanager
def running(watching: Watch) -> Iterator[Onlooker]:
    """Run on another thread, as long as the block takes."""
    onlooker = Onlooker()
    watching.observe(onlooker)
    end = End(None)

    def go() -> None:
        with watching:
            watching.run(end)
            watching.finish()

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield onlooker
    finally:
        end.asked = True
        thread.join(15)
        assert not thread.is_alive()


def conditions(watching: Watch) -> dict[str, str]:
    return {state.camera: state.condition for state in watching.states()}


def test_every_frame_of_every_camera_is_seen_once(tmp_path: Path) -> None:
    a, b = film(tmp_path / "a.avi", 7), film(tmp_path / "b.avi", 4)
    watching = made(settings(tmp_path, front=a, back=b), once=True)
    onlooker = run(watching)
    assert onlooker.frames == {"front": 7, "back": 4}
    assert conditions(watching) == {"front": "ended", "back": "ended"}


def test_a_camera_that_never_rests_does_not_starve_another(tmp_path: Path) -> None:
    # The first gives its frames as fast as they are taken, like the second.
    a, b = film(tmp_path / "a.avi", 60), film(tmp_path / "b.avi", 60)
    onlooker = run(made(settings(tmp_path, front=a, back=b), once=True))
    assert onlooker.order == ["front", "back"] * 60


def test_people_of_all_cameras_are_counted_together(tmp_path: Path) -> None:
    watching = made(settings(tmp_path, front="demo", back="demo"), once=True)
    run(watching, seconds=12)
    assert watching.people.seen >= 4
    assert watching.people.seen == sum(line.chain.people.seen for line in watching.lines)


def test_a_camera_that_is_refused_does_not_stop_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watching = made(settings(tmp_path, front=tmp_path / "gone.mp4", back="demo"))
    with running(watching) as onlooker:
        wait_until(lambda: onlooker.frames["back"] > 3)
        front, back = watching.states()
        assert (front.condition, back.condition) == ("failed", "delivering")
        assert "gone.mp4: no such file" in str(front.reason)
    assert "camera front: source" in caplog.text


def test_a_camera_that_was_refused_is_tried_again_while_another_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("edge.watch.line.RETRY", 0.1)
    watching = made(settings(tmp_path, front=tmp_path / "late.avi", back="demo"))
    with running(watching) as onlooker:
        wait_until(lambda: onlooker.rounds > 20)
        film(tmp_path / "hidden.avi", 3).rename(tmp_path / "late.avi")
        wait_until(lambda: onlooker.frames["front"] > 0)
    assert caplog.text.count("late.avi: no such file") == 1


def test_when_every_camera_is_refused_all_reasons_are_told(tmp_path: Path) -> None:
    gone = settings(tmp_path, front=tmp_path / "a.mp4", back=tmp_path / "b.mp4")
    with pytest.raises(MaskGateError, match=r"(?s)a\.mp4: no such.*\n.*b\.mp4: no such"):
        run(made(gone))
    assert not (tmp_path / "outbox").exists()


def test_a_pause_closes_the_cameras_and_the_violations_and_resume_goes_on(tmp_path: Path) -> None:
    watching = made(settings(tmp_path, front="demo"))
    with running(watching) as onlooker:
        wait_until(lambda: len(onlooker.alerts) == 1, 30)
        watching.pause()
        wait_until(lambda: conditions(watching) == {"front": "paused"})
        wait_until(lambda: len(onlooker.alerts) == 2)
        assert [alert.state for alert in onlooker.alerts] == ["opened", "closed"]
        seen, rounds = onlooker.frames["front"], onlooker.rounds
        wait_until(lambda: onlooker.rounds > rounds + 2)
        assert onlooker.frames["front"] == seen
        assert watching.paused
        watching.resume()
        wait_until(lambda: onlooker.frames["front"] > seen)
        assert conditions(watching) == {"front": "delivering"}


def test_something_is_done_between_two_frames_on_the_thread_that_watches(tmp_path: Path) -> None:
    watching = made(settings(tmp_path, front="demo"))

    def fail() -> None:
        raise MaskGateError("no")

    with running(watching) as onlooker:
        wait_until(lambda: onlooker.rounds > 0)
        assert watching.do(threading.get_ident).result(5) != threading.get_ident()
        with pytest.raises(MaskGateError, match="no"):
            watching.do(fail).result(5)


def test_an_onlooker_that_fails_does_not_end_the_watch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Clumsy(Observer):
        def went_round(self) -> None:
            raise ZeroDivisionError

    watching = made(settings(tmp_path, front=film(tmp_path / "a.avi", 5)), once=True)
    watching.observe(Clumsy())
    assert run(watching).frames == {"front": 5}
    assert caplog.text.count("Clumsy failed; the watch goes on") == 1
