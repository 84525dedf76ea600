"""What an alert looks like to those who receive it."""

import json
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

import edge
from edge.alerting.alerts import Alert, shares_of_frame, to_cloudevent
from edge.config import Device
from edge.values import Box

SCHEMA = json.loads((Path(edge.__file__).parent / "schemas" / "alert.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
DEVICE = Device(site="hq", id="north-door")
ID = "0b6f8f0e-2f63-4a8e-9a52-0f4f5d7f9a11"
OPENED = Alert(
    violation=UUID(ID),
    state="opened",
    label="face_no_mask",
    camera="entrance",
    first_seen=1_795_392_000.25,
    last_seen=1_795_392_001.5,
    decided=1_795_392_002,
    votes=4,
    confidence=0.987654,
    box=Box(0.1, 0.2, 0.3, 0.456789),
    bundle="compact",
    bundle_version="1.0.0",
    clock="trusted",
)
CLOSED = replace(OPENED, state="closed")


def test_an_event_says_all_of_the_alert():
    assert to_cloudevent(OPENED, DEVICE, late=False) == {
        "specversion": "1.0",
        "id": f"{ID}.opened",
        "source": "/maskgate/hq/north-door",
        "type": "org.maskgate.violation.opened",
        "subject": ID,
        "time": "2026-11-23T00:00:02.000Z",
        "datacontenttype": "application/json",
        "data": {
            "violation": ID,
            "device": "north-door",
            "site": "hq",
            "camera": "entrance",
            "kind": "face_no_mask",
            "state": "opened",
            "first_seen": "2026-11-23T00:00:00.250Z",
            "last_seen": "2026-11-23T00:00:01.500Z",
            "votes": 4,
            "confidence": 0.9877,
            "box": {"left": 0.1, "top": 0.2, "right": 0.3, "bottom": 0.4568},
            "bundle": {"name": "compact", "version": "1.0.0"},
            "clock": "trusted",
            "late": False,
        },
    }


@pytest.mark.parametrize(
    "alert",
    [
        OPENED,
        CLOSED,
        replace(CLOSED, reason="restarted"),
        replace(OPENED, first_seen=0.0, clock="untrusted"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_every_event_fits_the_schema(alert: Alert, late: bool):  # noqa: FBT001
    event = to_cloudevent(alert, DEVICE, late=late)
    VALIDATOR.validate(json.loads(json.dumps(event, allow_nan=False)))


def test_the_two_events_of_a_violation_share_a_subject_and_differ_in_id():
    opened, closed = (to_cloudevent(alert, DEVICE, late=False) for alert in (OPENED, CLOSED))
    assert opened["subject"] == closed["subject"] == ID
    assert (opened["id"], closed["id"]) == (f"{ID}.opened", f"{ID}.closed")


def test_an_event_sent_again_differs_in_lateness_only():
    first = to_cloudevent(OPENED, DEVICE, late=False)
    again = to_cloudevent(OPENED, DEVICE, late=True)
    first["data"].pop("late")
    again["data"].pop("late")
    assert first == again


@pytest.mark.parametrize(
    "change",
    [
        {"id": "1"},
        {"type": "org.maskgate.violation.closed"},
        {"time": "2026-11-23 00:00:02"},
        {"picture": "…"},
        {"source": "/maskgate/a/b/c"},
    ],
)
def test_the_schema_refuses_what_is_no_alert(change: dict[str, str]):
    event = to_cloudevent(OPENED, DEVICE, late=False) | change
    assert not VALIDATOR.is_valid(event)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"confidence": 1.01}, "0..1"),
        ({"confidence": float("nan")}, "0..1"),
        ({"box": Box(-0.01, 0, 1, 1)}, "0..1"),
        ({"votes": -1}, "votes"),
        ({"first_seen": float("inf")}, "time"),
        ({"last_seen": -1.0}, "time"),
        ({"last_seen": 253_402_300_800.0}, "time"),
    ],
)
def test_an_alert_refuses_values_out_of_range(change: dict[str, object], complaint: str):
    with pytest.raises(ValueError, match=complaint):
        replace(OPENED, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("box", "shares"),
    [
        (Box(0, 0, 640, 480), Box(0, 0, 1, 1)),
        (Box(160, 120, 320, 240), Box(0.25, 0.25, 0.5, 0.5)),
        (Box(-20, -1, 700, 480.5), Box(0, 0, 1, 1)),
    ],
)
def test_a_box_becomes_shares_of_the_frame(box: Box, shares: Box):
    assert shares_of_frame(box, 640, 480) == shares
