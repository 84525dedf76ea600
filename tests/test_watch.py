"""The main job, end to end: a source in, alerts at a real subscriber."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.alerting.outbox import Outbox as OpenOutbox
from edge.config import Broker, Camera, Classifier, Detector, Outbox, Settings
from edge.demo.source import Demo
from edge.errors import MaskGateError
from edge.watch.job import watch
from tests.brokers import Embedded, Listener, Mosquitto
from tests.waiting import free_port, wait_until
from tests.watches import bare_face_video

MASKGATE = [sys.executable, "-c", "from edge.cli import main; main()"]
AnyBroker = Mosquitto | Embedded


def settings(tmp_path: Path, broker: Broker, source: Path | str) -> Settings:
    return Settings(
        cameras={"entrance": Camera(source=str(source))},
        broker=broker,
        detector=Detector(accelerator="cpu"),
        classifier=Classifier(accelerator="cpu"),
        outbox=Outbox(path=tmp_path / "outbox"),
    )


@pytest.fixture(autouse=True)
def nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by the processes that tests start, either: each would be a first start."""
    for section in ("DETECTOR", "CLASSIFIER"):
        monkeypatch.setenv(f"MASKGATE_{section}__ACCELERATOR", "cpu")


def maskgate(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MASKGATE, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def bare_face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of one bare face that stays for three seconds."""
    return bare_face_video(tmp_path_factory.mktemp("video") / "bare.mp4")


def opened(listener: Listener) -> list[dict[str, object]]:
    events = [json.loads(payload) for payload in listener.payloads("alert")]
    return [event for event in events if event["type"].endswith(".opened")]


@pytest.mark.slow
def test_the_demo_alerts_for_the_bare_and_not_for_the_masked(
    tmp_path: Path, broker: AnyBroker, listen: Callable[..., Listener]
) -> None:
    listener = listen(broker.settings)
    watch(settings(tmp_path, broker.settings, "demo"), once=True)
    due = Demo(endless=False).people_in_loop
    wait_until(lambda: len(listener.payloads("alert")) >= 2 * due.bare)
    assert len(opened(listener)) == due.bare


def test_a_bare_face_leads_to_one_violation_opened_and_closed_under_one_id(
    tmp_path: Path, broker: AnyBroker, listen: Callable[..., Listener], bare_face: Path
) -> None:
    listener = listen(broker.settings)
    watch(settings(tmp_path, broker.settings, bare_face), once=True)
    wait_until(lambda: len(listener.payloads("alert")) >= 2)
    first, second = (json.loads(payload) for payload in listener.payloads("alert"))
    assert [first["data"]["state"], second["data"]["state"]] == ["opened", "closed"]
    assert first["subject"] == second["subject"]
    assert first["data"]["kind"] == "face_no_mask"
    assert 0.3 < first["data"]["box"]["left"] < first["data"]["box"]["right"] < 0.6


def test_a_picture_without_faces_leads_to_nothing(
    tmp_path: Path, broker: AnyBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((480, 640, 3), 200, np.uint8))
    watch(settings(tmp_path, broker.settings, tmp_path / "empty.png"), once=True, as_json=True)
    (summary,) = capsys.readouterr().out.splitlines()
    assert json.loads(summary)["data"]["people"] == 0


def test_json_lines_go_to_standard_output_and_nothing_else_does(
    tmp_path: Path, broker: AnyBroker, bare_face: Path
) -> None:
    done = maskgate(
        "run", "--source", bare_face, "--broker", broker.settings.url or "", "--once", "--json",
        MASKGATE_OUTBOX__PATH=str(tmp_path / "outbox"),
        MASKGATE_BROKER__PROTOCOL=broker.settings.protocol,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    types = [json.loads(line)["type"] for line in done.stdout.splitlines()]
    assert types == [
        "org.maskgate.violation.opened",
        "org.maskgate.violation.closed",
        "org.maskgate.summary",
    ]


def test_without_a_broker_the_alerts_wait_and_go_out_with_the_next_run(
    tmp_path: Path,
    broker: AnyBroker,
    listen: Callable[..., Listener],
    bare_face: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge.watch.job.DELIVERY_LIMIT", 1.0)
    away = Broker(url=f"mqtt://127.0.0.1:{free_port()}")
    with pytest.raises(MaskGateError, match="2 messages not acknowledged"):
        watch(settings(tmp_path, away, bare_face), once=True)
    listener = listen(broker.settings)
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((48, 64, 3), 200, np.uint8))
    watch(settings(tmp_path, broker.settings, tmp_path / "empty.png"), once=True)
    wait_until(lambda: len(listener.payloads("alert")) >= 2)
    assert len(opened(listener)) == 1


def test_a_refused_login_is_an_error_that_says_so(
    tmp_path: Path, login_broker: Mosquitto, bare_face: Path
) -> None:
    url = f"mqtt://somebody@127.0.0.1:{login_broker.port}"
    done = maskgate(
        "run", "--source", bare_face, "--once", "--broker", url,
        MASKGATE_OUTBOX__PATH=str(tmp_path / "outbox"), MASKGATE_PASSWORD="wrong",  # noqa: S106
    )  # fmt: skip
    assert done.returncode == 2
    assert f"127.0.0.1:{login_broker.port}: it refuses the login" in done.stderr
    assert "wrong" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_watch_in_order(
    tmp_path: Path, broker: AnyBroker, listen: Callable[..., Listener], number: signal.Signals
) -> None:
    listener = listen(broker.settings)
    words = ["run", "--source", "demo", "--broker", broker.settings.url or "", "--json"]
    environment = {
        **os.environ,
        "MASKGATE_OUTBOX__PATH": str(tmp_path / "outbox"),
        "MASKGATE_BROKER__PROTOCOL": broker.settings.protocol,
    }
    with subprocess.Popen(
        [*MASKGATE, *words], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert "opened" in process.stdout.readline()
        process.send_signal(number)
        rest, _ = process.communicate(timeout=15)
    assert process.returncode == 0
    assert json.loads(rest.splitlines()[-1])["type"] == "org.maskgate.summary"
    wait_until(lambda: listener.payloads("status")[-1:] == ["offline"])


def test_a_signal_ends_the_wait_for_a_broker_that_is_away(tmp_path: Path, bare_face: Path) -> None:
    away = f"mqtt://127.0.0.1:{free_port()}"
    words = ["run", "--source", str(bare_face), "--broker", away, "--once", "--json"]
    environment = {**os.environ, "MASKGATE_OUTBOX__PATH": str(tmp_path / "outbox")}
    with subprocess.Popen(
        [*MASKGATE, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert any("closed" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=15)  # It would wait for 30 seconds.
    assert process.returncode == 2
    assert "2 messages not acknowledged" in said


def test_a_killed_watch_loses_no_alert_and_closes_it_later(
    tmp_path: Path, broker: AnyBroker, listen: Callable[..., Listener]
) -> None:
    listener = listen(broker.settings)
    away = f"mqtt://127.0.0.1:{free_port()}"
    words = ["run", "--source", "demo", "--broker", away, "--json"]
    environment = {**os.environ, "MASKGATE_OUTBOX__PATH": str(tmp_path / "outbox")}
    with subprocess.Popen(
        [*MASKGATE, *words], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        event = json.loads(process.stdout.readline())
        process.kill()
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((48, 64, 3), 200, np.uint8))
    watch(settings(tmp_path, broker.settings, tmp_path / "empty.png"), once=True)
    wait_until(lambda: len(listener.payloads("alert")) >= 2)
    first, second = (json.loads(payload) for payload in listener.payloads("alert"))
    assert first["id"] == event["id"]
    assert second["subject"] == event["subject"]
    assert second["data"]["reason"] == "restarted"


def test_a_second_watch_with_the_same_outbox_is_refused(
    tmp_path: Path, broker: AnyBroker, bare_face: Path
) -> None:
    held = OpenOutbox(Outbox(path=tmp_path / "outbox"))
    try:
        with pytest.raises(MaskGateError, match="outbox"):
            watch(settings(tmp_path, broker.settings, bare_face), once=True)
    finally:
        held.close()


@pytest.mark.parametrize("output", ["a closed pipe", "/dev/full"])
def test_alerts_reach_the_broker_though_nobody_reads_the_output(
    tmp_path: Path,
    broker: AnyBroker,
    listen: Callable[..., Listener],
    bare_face: Path,
    output: str,
) -> None:
    listener = listen(broker.settings)
    words = ["run", "--source", str(bare_face), "--once", "--broker", broker.settings.url or ""]
    environment = {
        **os.environ,
        "MASKGATE_OUTBOX__PATH": str(tmp_path / "outbox"),
        "MASKGATE_BROKER__PROTOCOL": broker.settings.protocol,
    }
    if output == "/dev/full":
        target = os.open(output, os.O_WRONLY)
    else:
        reader, target = os.pipe()
        os.close(reader)
    try:
        done = subprocess.run(
            [*MASKGATE, *words], stdout=target, stderr=subprocess.PIPE, text=True, timeout=60,
            check=False, env=environment,
        )  # fmt: skip
    finally:
        os.close(target)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("nothing more is printed") == 1
    wait_until(lambda: len(listener.payloads("alert")) >= 2)


def test_a_video_that_breaks_off_is_an_error_after_its_alerts_are_sent(
    tmp_path: Path, broker: AnyBroker, listen: Callable[..., Listener], bare_face: Path
) -> None:
    listener = listen(broker.settings)
    gif = tmp_path / "cut.gif"
    video = cv2.VideoCapture(str(bare_face))
    frames = [video.read()[1] for _ in range(20)]
    pictures = [Image.fromarray(frame[:, :, ::-1]) for frame in frames]
    pictures[0].save(gif, save_all=True, append_images=pictures[1:], duration=100)
    gif.write_bytes(gif.read_bytes()[: gif.stat().st_size * 2 // 3])
    with pytest.raises(MaskGateError, match="breaks off after frame"):
        watch(settings(tmp_path, broker.settings, gif), once=True)
    wait_until(lambda: len(listener.payloads("alert")) >= 2)


def test_the_recording_does_not_replace_its_source(
    tmp_path: Path, broker: AnyBroker, bare_face: Path
) -> None:
    content = bare_face.read_bytes()
    with pytest.raises(MaskGateError, match="recording"):
        watch(settings(tmp_path, broker.settings, bare_face), once=True, save=bare_face)
    assert bare_face.read_bytes() == content


def test_what_was_seen_is_saved_as_a_video(
    tmp_path: Path, broker: AnyBroker, bare_face: Path
) -> None:
    out = tmp_path / "seen.mp4"
    watch(settings(tmp_path, broker.settings, bare_face), once=True, save=out)
    video = cv2.VideoCapture(str(out))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 30
    _, frame = video.read()
    assert frame.shape == (480, 640, 3)


def test_a_live_recording_plays_as_fast_as_life(
    tmp_path: Path, broker: AnyBroker, bare_face: Path
) -> None:
    out = tmp_path / "seen.mp4"
    watch(settings(tmp_path, broker.settings, bare_face), save=out)
    video = cv2.VideoCapture(str(out))
    # The video of 10 frames per second lasts 3 seconds; a live recording has the camera's rate.
    shown = video.get(cv2.CAP_PROP_FRAME_COUNT) / video.get(cv2.CAP_PROP_FPS)
    assert video.get(cv2.CAP_PROP_FPS) == Camera().rate
    assert 2.5 < shown < 3.6
