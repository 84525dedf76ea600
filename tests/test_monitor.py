"""The health of a running watch: figures, and frames skipped by a hot device."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from edge.config import Health as HealthSettings
from edge.ending import End
from edge.health.hardware import Hardware
from edge.health.health import Health, to_message
from edge.health.logs import ERRORS
from edge.health.monitor import Monitor
from edge.health.service import in_short
from edge.health.window import LATENCY_FRAMES, RATE_FRAMES, RATE_SECONDS, Rate, Spent
from edge.watch.running import Watch
from tests.test_hardware import zone
from tests.test_health import SCHEMA, WELL
from tests.test_watching import film, settings
from tests.waiting import free_port


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def health_after(
    watching: Watch, root: Path, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> Health:
    """How a watch is doing after so many seconds on a machine with this sys/."""
    monkeypatch.setattr("edge.health.hardware.LOOK_SECONDS", 0.1)
    with End(seconds) as end, watching, Hardware(watching.shedder, root) as hardware:
        monitor = Monitor(watching, hardware)
        watching.observe(monitor)
        watching.run(end)
        return monitor.health()


def test_the_health_of_a_running_watch_is_as_its_schema_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone(tmp_path, 0, "cpu-thermal", "55000")
    away = f"rtsp://127.0.0.1:{free_port()}/"
    watching = Watch(settings(tmp_path, front=film(tmp_path / "a.avi", 100), back=away), str)
    health = health_after(watching, tmp_path, 2, monkeypatch)
    message = json.loads(json.dumps(to_message(health, watching.settings.device)))
    Draft202012Validator(SCHEMA).validate(message)
    front, back = health.cameras["front"], health.cameras["back"]
    assert front.state == "delivering"
    assert front.frames > 10
    assert front.frames_per_second > 5
    assert back.state == "away"
    assert back.outages == 1
    assert "127.0.0.1" in (back.reason or "")
    assert set(health.latency) == {"gate", "detect", "track", "classify", "decide", "total"}
    assert health.temperature == 55
    assert health.memory > 10_000_000
    assert health.outbox.bytes > 0
    assert health.versions["classifier"].startswith("compact ")
    assert not health.broker.connected


def test_a_hot_device_processes_fewer_frames_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone(tmp_path, 0, "cpu-thermal", "90000")
    monkeypatch.setattr("edge.health.shedding.UP_SECONDS", 0.1)
    watching = Watch(settings(tmp_path, front=film(tmp_path / "a.avi", 200, 30)), str)
    health = health_after(watching, tmp_path, 4, monkeypatch)
    assert health.shedding.most_frames_per_second == 1
    front = health.cameras["front"]
    assert front.shed > 50
    assert 2 <= front.frames <= 15
    assert "skipping frames (too hot: 90 °C)" in in_short(health)


def test_a_file_of_which_every_frame_is_wanted_is_processed_whole_however_hot_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone(tmp_path, 0, "cpu-thermal", "90000")
    watching = Watch(settings(tmp_path, front=film(tmp_path / "a.avi", 50)), str, once=True)
    assert health_after(watching, tmp_path, 30, monkeypatch).cameras["front"].frames == 50


def test_the_line_of_status_names_what_is_wrong_and_little_else() -> None:
    assert in_short(WELL) == "15.0 frames/s; 51 °C"


def test_a_rate_is_of_the_newest_seconds() -> None:
    clock = Clock()
    rate = Rate(clock)
    assert (rate.per_second, rate.since) == (0, None)
    for _ in range(300):
        clock.now += 0.1
        rate.add()
    assert rate.per_second == pytest.approx(10, abs=0.2)
    clock.now += RATE_SECONDS / 2
    assert rate.per_second == pytest.approx(5, abs=0.2)
    assert rate.since == RATE_SECONDS / 2
    clock.now += RATE_SECONDS
    assert (rate.per_second, rate.count) == (0, 300)


def test_a_rate_is_right_also_where_frames_come_faster_than_are_kept() -> None:
    clock = Clock()
    rate = Rate(clock)
    for _ in range(5 * RATE_FRAMES):
        clock.now += 0.001
        rate.add()
    assert rate.per_second == pytest.approx(1000, rel=0.01)


def test_a_latency_is_of_the_newest_frames() -> None:
    spent = Spent()
    assert spent.latency is None
    for _ in range(LATENCY_FRAMES):
        spent.add(5.0)
    for number in range(LATENCY_FRAMES):
        spent.add(number / LATENCY_FRAMES)
    assert spent.latency is not None
    assert spent.latency.median == pytest.approx(0.5, abs=0.01)
    assert spent.latency.p95 == pytest.approx(0.95, abs=0.01)


@contextmanager
def remembering() -> Iterator[None]:
    logging.getLogger().addHandler(ERRORS)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(ERRORS)
        ERRORS.newest = None


def test_the_newest_error_is_remembered_in_one_line() -> None:
    log = logging.getLogger("edge.test")
    with remembering():
        log.error("outbox %s:\ncannot be used", "x" * 10_000)
        log.warning("no error")
        assert ERRORS.newest is not None
        assert ERRORS.newest.text.startswith("outbox xxx")
        assert len(ERRORS.newest.text) == 500
        assert time.time() - ERRORS.newest.time < 60


def test_the_settings_of_the_health_are_checked() -> None:
    with pytest.raises(ValueError, match="metrics_port"):
        HealthSettings(metrics_port=70_000)
