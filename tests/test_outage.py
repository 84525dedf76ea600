"""Outages in the log: told of once, then ever more seldom, whoever is away."""

import logging
from pathlib import Path
from typing import NoReturn

import pytest

from edge.alerting.outbox import Outbox
from edge.config import Broker, Device
from edge.config import Outbox as OutboxSettings
from edge.health import outage as outage_module
from edge.health.outage import LONGEST_REMINDER, Outage, duration
from edge.mqtt import backoff
from edge.mqtt.publisher import Publisher
from edge.sources import capture
from edge.sources.capture import Capture
from edge.sources.source import SourceAway
from edge.sources.state import Record
from tests.waiting import free_port, wait_until


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_outage_is_told_of_again_ever_more_seldom() -> None:
    clock = Clock()
    outage = Outage(clock)
    reminders = []
    for _ in range(7 * 24 * 120):  # a week, an attempt each 30 seconds
        reminders.append(outage.failed())
        clock.now += 30
    said = [reminder for reminder in reminders if reminder]
    assert said[:2] == ["still so after 10 min, 21 attempts", "still so after 30 min, 61 attempts"]
    assert len(said) < 7 * 86_400 / LONGEST_REMINDER + 10
    outage.over()
    assert outage.failed() is None  # The next one begins anew.


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_a_duration_is_said_in_a_fitting_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts a hundred times a second, a first reminder after some tenths of one."""
    monkeypatch.setattr(outage_module, "FIRST_REMINDER", 0.3)
    monkeypatch.setattr(capture, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(capture, "LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(backoff, "AWAY", (0.01, 0.01))


def lines(caplog: pytest.LogCaptureFixture, what: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if what in record.getMessage()]


@pytest.mark.usefixtures("_soon")
def test_a_dead_camera_leaves_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[object] = []

    def away(*_: object) -> NoReturn:
        tries.append(None)
        raise SourceAway("camera door: not there")

    running = Capture(away, Record("door"))
    running.begin()
    wait_until(lambda: len(tries) > 60)
    running.stop()
    said = lines(caplog, "camera door")
    assert said[0] == "camera door: not there; trying again until it is back"
    assert said[1].startswith("camera door: not there; still so after 0 s, ")
    assert len(said) <= 4
    assert {record.camera for record in caplog.records} == {"door"}  # type: ignore[attr-defined]


@pytest.mark.usefixtures("_soon")
def test_a_dead_broker_leaves_few_lines(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    outbox = Outbox(OutboxSettings(path=tmp_path / "outbox"))
    publisher = Publisher(Broker(url=f"mqtt://127.0.0.1:{free_port()}"), Device(), outbox)
    with caplog.at_level(logging.WARNING):
        publisher.start()
        wait_until(lambda: len(lines(caplog, "still so after")) >= 1)
        publisher.stop()
    outbox.close()
    said = lines(caplog, "broker 127.0.0.1")
    assert "still so" not in said[0]
    assert len(said) <= 4
