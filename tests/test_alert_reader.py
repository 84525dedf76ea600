"""What a subscriber shows of what the network brings."""

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click
import pytest

from edge.alerting.alerts import Alert, to_cloudevent
from edge.alerting.losses import Losses, to_dropped_event
from edge.config import Device
from edge.mqtt import alert_reader
from edge.mqtt.alert_reader import AlertReader
from edge.mqtt.message import Message
from tests.samples import alert

DEVICE = Device(site="hq", id="north-door")
TOPIC = "maskgate/hq/north-door/alert"


def event(number: int = 1, **changes: Any) -> dict[str, Any]:
    made = to_cloudevent(replace(alert(number), clock="trusted"), DEVICE, late=False)
    made["data"] |= changes
    return made


def message(content: dict[str, Any], topic: str = TOPIC) -> Message:
    return Message(topic, json.dumps(content).encode())


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


CLOSED = {"state": "closed", "last_seen": "1970-01-01T00:16:53.000Z"}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "00:16:42 hq/north-door entrance: ALERT no mask, 90% sure"),
        (
            {"late": True, "kind": "face_with_mask_incorrect"},
            "00:16:42 hq/north-door entrance: ALERT with mask incorrect, 90% sure, sent late",
        ),
        (CLOSED, "00:16:53 hq/north-door entrance: over: no mask, 90% sure, seen for 12 s"),
        (
            CLOSED | {"reason": "restarted", "confidence": 1},
            "00:16:53 hq/north-door entrance: over: no mask, 100% sure, seen for 12 s, restarted",
        ),
    ],
)
def test_an_alert_is_a_line_for_a_person(changes: dict[str, Any], line: str):
    shown = AlertReader(as_json=False).line(message(event(**changes)))
    assert shown is not None
    assert click.unstyle(shown) == f"1970-01-01 {line}"


def test_an_alert_of_a_clock_that_was_not_set_says_so():
    line = AlertReader(as_json=False).line(message(event(clock="untrusted", late=True)))
    assert line is not None
    assert line.endswith(", sent late, by a clock that was not set")


@pytest.mark.parametrize(
    ("alerts", "words"),
    [
        ([None], "1 alert was LOST"),
        (
            [replace(alert(number), clock="trusted") for number in (1, 2, 3)],
            "3 alerts were LOST, of 1970-01-01 00:16:42 to 1970-01-01 00:16:44",
        ),
        (
            [alert(1), None],
            (
                "2 alerts were LOST, of 1970-01-01 00:16:42 to 1970-01-01 00:16:42, "
                "by a clock that was not set"
            ),
        ),
    ],
)
def test_a_loss_is_a_line_for_a_person_and_shown_once(alerts: list[Alert | None], words: str):
    (loss,) = Losses().plus(alerts).untold
    reader = AlertReader(as_json=False)
    line = reader.line(message(to_dropped_event(loss, DEVICE)))
    assert line is not None
    assert click.unstyle(line).endswith(f" hq/north-door: {words}")
    assert reader.line(message(to_dropped_event(loss, DEVICE))) is None


def test_an_alert_is_a_json_object_for_a_program():
    sent = event() | {"futurefield": "ü\x7f\x9b"}
    line = AlertReader(as_json=True).line(message(sent))
    assert line is not None
    assert json.loads(line) == sent
    assert line.isascii()
    assert line.isprintable()


@pytest.mark.parametrize("as_json", [False, True])
def test_a_status_is_shown(as_json: bool):  # noqa: FBT001
    line = AlertReader(as_json=as_json).line(Message("maskgate/hq/door/status", b"offline"))
    assert line is not None
    if as_json:
        assert json.loads(line) == {"site": "hq", "device": "door", "status": "offline"}
    else:
        assert line.endswith("hq/door: offline")


@pytest.mark.parametrize("as_json", [False, True])
def test_a_repeat_is_shown_once_and_the_closing_as_well(as_json: bool):  # noqa: FBT001
    reader = AlertReader(as_json=as_json)
    opened = event(1)
    closed = to_cloudevent(alert(1, "closed"), DEVICE, late=False)
    late = event(1, late=True)
    lines = [reader.line(message(each)) for each in (opened, closed, late, closed, event(2))]
    assert [line is not None for line in lines] == [True, True, False, False, True]


def test_one_devices_ids_do_not_hide_anothers_alerts():
    reader = AlertReader(as_json=True)
    assert reader.line(message(event())) is not None
    other = event(device="south-door")
    assert reader.line(message(other, "maskgate/hq/south-door/alert")) is not None


def test_the_memory_for_repeats_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(alert_reader, "REMEMBERED", 3)
    reader = AlertReader(as_json=True)
    for number in (1, 2, 3, 4):
        assert reader.line(message(event(number))) is not None
    assert reader.line(message(event(4))) is None
    assert reader.line(message(event(1))) is not None


@pytest.mark.parametrize(
    ("topic", "payload", "complaint"),
    [
        (TOPIC, b"", "expected JSON"),
        (TOPIC, b"\xff\xfe\x00", "expected JSON"),
        (TOPIC, b"{", "expected JSON"),
        (TOPIC, b"[]", "expected an alert, but it: expected an object"),
        (TOPIC, b"null", "expected an alert, but it: expected an object"),
        (TOPIC, json.dumps(event() | {"data": 1}).encode(), "but data: expected an object"),
        (TOPIC, b"[" * 60_000, "nested too deep"),
        (TOPIC, b'{"a": NaN}', "NaN is not JSON"),
        (TOPIC, b"1" * 20_000, "expected"),
        (TOPIC, b" " * 70_000, "found 70000 bytes"),
        (TOPIC, json.dumps(event(confidence=2)).encode(), "data.confidence"),
        (TOPIC, json.dumps(event(confidence=None)).encode(), "data.confidence"),
        (TOPIC, json.dumps(event(state="ajar")).encode(), "data.state"),
        (TOPIC, json.dumps(event(last_seen="yesterday")).encode(), "data.last_seen"),
        (TOPIC, json.dumps(event(last_seen="9999-12-31T23:59:59-12:00")).encode(), "time"),
        (TOPIC, json.dumps(event(site="x\x1b[2J")).encode(), "data.site"),
        (TOPIC, json.dumps(event(site="elsewhere")).encode(), "claims to be of elsewhere"),
        (TOPIC, json.dumps(event() | {"id": ""}).encode(), "but id"),
        (TOPIC, json.dumps(event() | {"specversion": "9"}).encode(), "but specversion"),
        ("maskgate/hq/north-door/status", b"\x1b]0;owned\x07", "expected the status"),
        ("maskgate/hq/north-door/status", b" ", "expected the status"),
        ("maskgate/hq/\x1b[31m/status/x", b"online", "not a device's topic"),
        ("", b"online", "not a device's topic"),
    ],
)
def test_what_is_no_alert_is_one_warning_and_no_line(
    caplog: pytest.LogCaptureFixture, topic: str, payload: bytes, complaint: str
):
    assert AlertReader(as_json=False).line(Message(topic, payload)) is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert complaint in record.getMessage()
    assert record.getMessage().isprintable()


def test_a_status_that_is_cleared_is_no_warning(caplog: pytest.LogCaptureFixture):
    message = Message("maskgate/hq/north-door/status", b"")
    assert AlertReader(as_json=False).line(message) is None
    assert caplog.records == []


@pytest.mark.parametrize("field", ["camera", "kind", "reason"])
def test_no_text_of_the_network_reaches_the_terminal_as_a_command(field: str):
    evil = "\x1b]0;owned\x07\x1b[2J\r\n\x9b31m\u202edoor" + "x" * 500
    line = AlertReader(as_json=False).line(message(event(**{field: evil})))
    assert line is not None
    shown = click.unstyle(line)
    assert shown.isprintable()
    assert len(shown) < 300
    assert AlertReader(as_json=True).line(message(event(**{field: evil}))).isprintable()  # type: ignore[union-attr]


def test_an_evil_topic_is_shown_harmless():
    line = AlertReader(as_json=False).line(Message("maskgate/h\x1b[2Jq/door/status", b"online"))
    assert line is not None
    assert line.isprintable()


def test_a_time_with_another_zone_is_shown_in_local_time():
    moved = replace(alert(1), last_seen=0.0, first_seen=0.0)
    sent = to_cloudevent(moved, DEVICE, late=False)
    sent["data"]["last_seen"] = "1970-01-01T02:00:00+02:00"
    line = AlertReader(as_json=False).line(message(sent))
    assert line is not None
    assert line.startswith("1970-01-01 00:00:00")


def test_a_long_text_is_cut():
    site = "Tür 3 " + "x" * 100
    line = AlertReader(as_json=False).line(Message(f"maskgate/{site}/door/status", b"online"))
    assert line is not None
    assert f"{site[:100]}…/door" in line
