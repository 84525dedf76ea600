"""A running watch: several cameras, pauses, and those who look on."""

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.alerting.alerts import Alert
from edge.chain import Outcome
from edge.config import (
    Broker,
    Camera,
    Classifier,
    Decision,
    Detector,
    Outbox,
    Settings,
    Tracking,
)
from edge.ending import End
from edge.errors import MaskGateError
from edge.loading import load_settings
from edge.people.decision import People
from edge.values import Frame
from edge.watch.observer import Observer
from edge.watch.requests import MOST_WAITING, Requests
from edge.watch.running import Watch
from tests.brokers import Embedded, Listener, Mosquitto
from tests.waiting import free_port, wait_until


class Onlooker(Observer):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.frames: Counter[str] = Counter()
        self.order: list[str] = []
        self.tracked: Counter[str] = Counter()
        self.alerts: list[Alert] = []
        self.rounds = 0

    def saw(self, camera: str, frame: Frame, outcome: Outcome) -> None:
        assert frame.camera == camera
        assert set(outcome.seconds) == {"gate", "detect", "track", "classify", "decide"}
        self.frames[camera] += 1
        self.order.append(camera)
        self.tracked[camera] += len(outcome.people)

    def told(self, alerts: Sequence[Alert]) -> None:
        self.alerts += alerts

    def went_round(self) -> None:
        self.rounds += 1


def settings(tmp_path: Path, **sources: object) -> Settings:
    cameras = {name: Camera(source=str(source)) for name, source in sources.items()}
    return Settings(
        cameras=cameras or {"front": Camera()},
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


def made(
    settings: Settings, *, once: bool = False, reread: Callable[[], Settings] | None = None
) -> Watch:
    return Watch(settings, str, once=once, reread=reread)


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


def test_people_of_all_cameras_are_counted_together() -> None:
    front = People(3, Counter(face_no_mask=2), unsure=1)
    back = People(2, Counter(face_no_mask=1, face_with_mask=1))
    assert front + back == People(5, Counter(face_no_mask=3, face_with_mask=1), unsure=1)


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
        wait_until(lambda: onlooker.rounds > 5)
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


def test_outside_its_hours_a_camera_is_closed_and_the_others_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cameras = {"front": Camera(hours=("Mon 07:00-19:00",)), "back": Camera()}
    moment = time.strptime("2026-01-06 12:00", "%Y-%m-%d %H:%M")  # a Tuesday
    monkeypatch.setattr("edge.watch.line.time.localtime", lambda: moment)
    watching = made(settings(tmp_path).model_copy(update={"cameras": cameras}))
    with running(watching) as onlooker:
        wait_until(lambda: onlooker.frames["back"] > 0)
        assert conditions(watching) == {"front": "resting", "back": "delivering"}
        moment = time.strptime("2026-01-05 18:59", "%Y-%m-%d %H:%M")
        wait_until(lambda: onlooker.frames["front"] > 0)
        moment = time.strptime("2026-01-05 19:00", "%Y-%m-%d %H:%M")
        wait_until(lambda: conditions(watching)["front"] == "resting")


# Other settings


def with_cameras(settings: Settings, **cameras: Camera) -> Settings:
    return settings.model_copy(update={"cameras": cameras})


def test_only_the_camera_that_changed_is_opened_again(tmp_path: Path) -> None:
    before = settings(tmp_path, front="demo", back="demo")
    after = with_cameras(before, front=Camera(), yard=Camera(), back=Camera(rate=5))
    watching = made(before, reread=lambda: after)
    with running(watching) as onlooker:
        wait_until(lambda: min(onlooker.frames["front"], onlooker.frames["back"]) > 5)
        front = watching.lines[0]
        assert watching.reload().result(10) == ["cameras.yard", "cameras.back"]
        assert [line.name for line in watching.lines] == ["front", "yard", "back"]
        assert watching.lines[0] is front
        assert front.record.condition == "delivering"
        wait_until(lambda: set(conditions(watching).values()) == {"delivering"})
        assert watching.settings is after
        assert watching.reload().result(10) == []


def test_a_camera_that_is_removed_leaves_its_people_counted(tmp_path: Path) -> None:
    before = settings(tmp_path, front="demo", back="demo")
    after = with_cameras(before, back=Camera())
    watching = made(before, reread=lambda: after)
    with running(watching) as onlooker:
        wait_until(lambda: any(alert.camera == "front" for alert in onlooker.alerts), 30)
        assert watching.reload().result(10) == ["cameras.front"]
        told = [alert.state for alert in onlooker.alerts if alert.camera == "front"]
        assert told == ["opened", "closed"]
        assert watching.people.seen >= 1


def test_who_is_in_sight_stays_the_same_person_under_other_thresholds(tmp_path: Path) -> None:
    before = settings(tmp_path, front="demo")
    zone = ((0, 0), (1, 0), (1, 1), (0, 1))
    after = with_cameras(before, front=Camera(zones=(zone,))).model_copy(
        update={"decision": Decision(agreement=0.8), "tracking": Tracking(reach=1.0)}
    )
    watching = made(before, reread=lambda: after)
    with running(watching) as onlooker:
        wait_until(lambda: len(onlooker.alerts) == 1, 30)

        def told() -> list[str]:
            first, *_ = onlooker.alerts
            return [one.state for one in onlooker.alerts if one.violation == first.violation]

        changes = watching.reload().result(10)
        assert changes == ["cameras.front", "tracking", "decision"]
        assert told() == ["opened"]
        wait_until(lambda: told() == ["opened", "closed"], 30)


def test_nobody_outside_the_zones_is_seen(tmp_path: Path) -> None:
    corner = ((0, 0), (0.01, 0), (0, 0.01))
    cameras = {"everywhere": Camera(), "nowhere": Camera(zones=(corner,))}
    watching = made(settings(tmp_path).model_copy(update={"cameras": cameras}), once=True)
    with running(watching) as onlooker:
        # One frame may show several persons.
        wait_until(
            lambda: onlooker.tracked["everywhere"] > 30 and onlooker.frames["nowhere"] >= 30, 30
        )
    assert onlooker.tracked["nowhere"] == 0


def test_wrong_settings_change_nothing_and_say_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = settings(tmp_path, front="demo")
    wrong: list[Callable[[], Settings]] = [
        lambda: load_settings(tmp_path / "gone.toml"),
        lambda: before.model_copy(
            update={"classifier": Classifier(bundle=tmp_path / "gone"), "cameras": {"b": Camera()}}
        ),
        lambda: before.model_copy(
            update={"decision": Decision(violations=("face_with_mask_incorrect",))}
        ),
        lambda: before.model_copy(update={"outbox": Outbox(path=tmp_path)}),
    ]

    def reread() -> Settings:
        return wrong.pop(0)()

    watching = made(before, reread=reread)
    with running(watching) as onlooker:
        wait_until(lambda: onlooker.frames["front"] > 0)
        for said in ("gone.toml", "gone", "there would never be an alert", "outbox"):
            with pytest.raises(MaskGateError, match=said):
                watching.reload().result(10)
            assert "the settings stay as they were" in caplog.text
        assert watching.settings is before
        seen = onlooker.frames["front"]
        wait_until(lambda: onlooker.frames["front"] > seen)


def test_another_broker_gets_the_alerts_that_wait(
    tmp_path: Path, broker: Mosquitto | Embedded, listen: Callable[..., Listener]
) -> None:
    listener = listen(broker.settings)
    before = settings(tmp_path, front="demo")
    after = before.model_copy(update={"broker": broker.settings})
    watching = made(before, reread=lambda: after)
    with running(watching) as onlooker:
        wait_until(lambda: len(onlooker.alerts) >= 1, 30)
        assert watching.reload().result(10) == ["broker"]
        wait_until(lambda: len(listener.payloads("alert")) >= 1)


def test_sighup_has_the_settings_read_again(tmp_path: Path) -> None:
    file = tmp_path / "maskgate.toml"
    text = (
        f"[broker]\nurl = 'mqtt://127.0.0.1:{free_port()}'\n"
        f"[outbox]\npath = '{tmp_path / 'outbox'}'\n"
        "[detector]\naccelerator = 'cpu'\n[classifier]\naccelerator = 'cpu'\n"
    )
    file.write_text(text)
    code = "from edge.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "run", "--config", str(file), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as device:
        assert device.stdout
        assert device.stderr
        assert "opened" in device.stdout.readline()
        for more, said in [
            ("[cameras.entrance]\nrat = 3\n", "stay as they were: settings"),
            ("[cameras.entrance]\nrate = 5\n", "changed: cameras.entrance"),
        ]:
            file.write_text(text + more)
            device.send_signal(signal.SIGHUP)
            assert any(said in line for line in device.stderr)
        device.send_signal(signal.SIGTERM)
        device.communicate(timeout=15)
    assert device.returncode == 0


def test_too_many_requests_are_refused_and_none_is_left_waiting_at_the_end() -> None:
    requests = Requests()
    asked = [requests.add(lambda: 1) for _ in range(MOST_WAITING)]
    with pytest.raises(MaskGateError, match="busy"):
        requests.add(lambda: 1).result(0)
    requests.serve()
    assert [future.result(0) for future in asked] == [1] * MOST_WAITING
    late = requests.add(lambda: 1)
    requests.cancel()
    assert late.cancelled()


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
