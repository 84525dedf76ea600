"""docs/asyncapi.yaml, held against what a device says at a real broker with TLS and an ACL."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from paho.mqtt.client import MQTTMessage
from referencing import Registry, Resource

from edge.alerting.losses import Loss, to_dropped_event
from edge.config import Commands, Device, HomeAssistant, Snapshot
from edge.config.commands import COMMANDS
from edge.mqtt.publisher import SESSION_SECONDS
from tests.brokers import PASSWORD, USER, Mosquitto
from tests.conftest import COMMANDER, DOCS
from tests.person import Person
from tests.waiting import wait_until
from tests.watches import bare_face_video, settings, watching

ROOT = f"maskgate/hq/{USER}"
DOCUMENT: dict[str, Any] = yaml.safe_load((DOCS / "asyncapi.yaml").read_text())
HEALTH = {
    "site": "hq", "device": USER, "time": "2026-11-28T08:30:12.480Z", "clock_trusted": True,
    "uptime_s": 1, "frames_per_second": 15.0, "cameras": {}, "latency_ms": {},
    "shedding": {"most_frames_per_second": None, "reason": None},
    "outbox": {"waiting": 0, "bytes": 0, "dropped": 0},
    "broker": {"connected": True, "refused": False, "detail": ""},
    "temperature_c": None, "throttling": None, "memory_bytes": 1, "last_error": None,
    "update_failure": None,
    "versions": {"maskgate": "0.1.0", "python": "3.11.2"},
}  # fmt: skip
INSTALLED = {
    "schema": 1, "time": "2026-11-28T08:30:12Z", "outcome": "installed", "why": None,
    "payload": "3f9ac1270b5e", "version": "0.1.0", "profile": "pi5",
    "os": "Debian GNU/Linux 13 (trixie)", "python": "3.13.5", "machine": "aarch64",
    "board": "Raspberry Pi 5 Model B Rev 1.0", "seconds": 214.6,
}  # fmt: skip


def resolved(part: Any) -> Any:
    """A part of the document; a reference within it is followed."""
    while isinstance(part, dict) and str(part.get("$ref", "")).startswith("#/"):
        found: Any = DOCUMENT
        for key in part["$ref"][2:].split("/"):
            found = found[key]
        part = found
    return part


def retrieve(uri: str) -> Resource[Any]:
    """A schema's file, by the way from the document to it."""
    return Resource.from_contents(json.loads((DOCS / uri).read_text()))


def validator(message: dict[str, Any]) -> Draft202012Validator:
    """Of a message's payload."""
    schema = message["payload"].get("schema", message["payload"])
    return Draft202012Validator(
        schema,
        registry=Registry(retrieve=retrieve),
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


@pytest.mark.parametrize("total", [3, -3])
def test_alerts_that_were_lost_are_documented_as_well(total: int):
    event = to_dropped_event(Loss(count=2, total=total), Device())
    errors = list(
        validator(resolved(DOCUMENT["components"]["messages"]["alert"])).iter_errors(event)
    )
    assert bool(errors) == (total < 0)


def channel_of(topic: str) -> str:
    """The channel that a topic is one of."""
    found = [
        name
        for name, channel in DOCUMENT["channels"].items()
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", channel["address"]), topic)
    ]
    assert len(found) == 1, f"{topic} is of {found}"
    return found[0]


def sends() -> dict[str, dict[str, Any]]:
    """What the device sends: the MQTT binding of each channel."""
    return {
        operation["channel"]["$ref"].rpartition("/")[2]: operation["bindings"]["mqtt"]
        for operation in DOCUMENT["operations"].values()
        if operation["action"] == "send"
    }


def hold(message: MQTTMessage) -> str:
    """Hold a message against the document; the channel that it came on."""
    name = channel_of(message.topic)
    [described] = map(resolved, DOCUMENT["channels"][name]["messages"].values())
    kind, binding = described.get("contentType", "application/json"), sends()[name]
    if kind == "image/jpeg":
        assert message.payload[:3] == b"\xff\xd8\xff"
    elif kind == "text/plain":
        validator(described).validate(message.payload.decode())
    else:
        validator(described).validate(json.loads(message.payload))
    assert (message.qos, message.retain) == (binding["qos"], binding["retain"])
    assert message.properties
    assert getattr(message.properties, "ContentType", "text/plain") == kind
    expiry = getattr(message.properties, "MessageExpiryInterval", None)
    if "messageExpiryInterval" in binding:
        assert 0 < expiry <= binding["messageExpiryInterval"]
    else:
        assert (expiry is not None) == (name == "counts")
    return name


def test_every_message_of_a_device_is_as_documented_and_every_documented_one_comes(
    field_broker: Mosquitto, tmp_path: Path
):
    chosen = settings(
        tmp_path,
        field_broker.settings,
        bare_face_video(tmp_path / "bare.mp4"),
        device=Device(site="hq", id=USER),
        commands=Commands(allow=("pause", "resume", "snapshot")),
        home_assistant=HomeAssistant(discovery=True),
        snapshot=Snapshot(enabled=True),
    )
    (tmp_path / "installed.json").write_text(json.dumps(INSTALLED))
    person = Person(field_broker.settings, COMMANDER, PASSWORD, root=ROOT)
    with watching(chosen, HEALTH):
        wait_until(lambda: bool(person.on("status")), 20)
        time.sleep(0.5)
        person.ask("resume", '{"id": "1"}')
        person.ask("reload", '{"id": "2"}')
        wait_until(lambda: len(person.on("alert")) == 2, 30)
        wait_until(lambda: bool(person.on("command/resume/result")))
        wait_until(lambda: bool(person.on("command/reload/result")))
    wait_until(lambda: person.on("status") == [b"online", b"offline"])
    person.close()
    said = [message for message in person.heard if message.topic.split("/")[-2] != "command"]
    assert {hold(message) for message in said} == set(sends())


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_documented_with_an_example_that_its_schema_allows(name: str):
    [channel] = [
        channel
        for channel in DOCUMENT["channels"].values()
        if channel["address"].endswith(f"/command/{name}")
    ]
    [message] = map(resolved, channel["messages"].values())
    for example in message["examples"]:
        validator(message).validate(example["payload"])


def test_all_that_is_referred_to_is_there():
    def walk(part: Any) -> None:
        if isinstance(part, dict):
            reference = part.get("$ref", "")
            if reference.startswith("#/"):
                assert resolved(part) is not None
            elif reference:
                assert (DOCS / reference.partition("#")[0]).is_file()
            for inner in part.values():
                walk(inner)
        elif isinstance(part, list):
            for inner in part:
                walk(inner)

    walk(DOCUMENT)


def test_the_documented_session_is_the_device_s():
    binding = DOCUMENT["servers"]["broker"]["bindings"]["mqtt"]
    assert binding["sessionExpiryInterval"] == SESSION_SECONDS
