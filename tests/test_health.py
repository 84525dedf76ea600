"""What the device says of itself, against its schema."""

import json
from dataclasses import replace
from pathlib import Path

from jsonschema import Draft202012Validator, FormatChecker

from edge.config import Device
from edge.health.health import (
    BrokerHealth,
    CameraHealth,
    Health,
    LastError,
    Latency,
    OutboxHealth,
    Shedding,
    Throttling,
    to_message,
)

SCHEMA = json.loads(
    (Path(__file__).parent.parent / "edge" / "schemas" / "health.schema.json").read_text()
)
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
WELL = Health(
    time=1_795_000_000.25,
    clock_trusted=True,
    uptime=3600.4,
    cameras={
        "entrance": CameraHealth(
            state="delivering",
            reason=None,
            frames_per_second=14.96,
            frames=54_000,
            dropped=3,
            shed=0,
            outages=0,
            last_frame=0.04,
        )
    },
    latency={"detect": Latency(0.0042, 0.0099), "total": Latency(0.0061, 0.0142)},
    shedding=Shedding(most_frames_per_second=None, reason=None),
    outbox=OutboxHealth(waiting=0, bytes=20_480, dropped=0),
    broker=BrokerHealth(connected=True, refused=False, detail="connected to broker b:1883"),
    temperature=51.24,
    throttling=Throttling(now=(), since_boot=("under-voltage",)),
    memory=120_000_000,
    last_error=None,
    update_failure=None,
    versions={"maskgate": "0.1.0", "python": "3.11.2", "classifier": "compact 3.0.0"},
)


def test_a_device_that_is_well_says_so_by_the_schema() -> None:
    message = to_message(WELL, Device(site="hq", id="north-door"))
    VALIDATOR.validate(message)
    assert message["time"] == "2026-11-18T11:06:40.250Z"
    assert message["frames_per_second"] == message["cameras"]["entrance"]["frames_per_second"] == 15
    assert message["latency_ms"]["detect"] == {"median": 4.2, "p95": 9.9}
    assert message["temperature_c"] == 51.2


def test_a_device_that_knows_little_and_is_not_well_says_so_by_the_schema() -> None:
    away = CameraHealth("away", "camera gate: no such device", 0.0, 0, 0, 0, 1, None)
    sick = replace(
        WELL,
        clock_trusted=False,
        cameras={"gate": away},
        latency={},
        shedding=Shedding(2.0, "too hot: 83 °C"),
        broker=BrokerHealth(connected=False, refused=True, detail="refused: …"),
        temperature=None,
        throttling=None,
        last_error=LastError(1_795_000_000.0, "outbox …: cannot be used"),
    )
    message = json.loads(json.dumps(to_message(sick, Device())))
    VALIDATOR.validate(message)
    assert message["throttling"] is None
    assert message["last_error"]["text"] == "outbox …: cannot be used"
    assert message["cameras"]["gate"]["last_frame_s"] is None
