"""A running watch at a real broker: counts, commands, pictures, Home Assistant's entities."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from edge.config import Camera, Commands, HomeAssistant, Settings, Snapshot
from edge.errors import MaskGateError
from edge.nets import OpenNets
from edge.people.counts import to_message
from edge.people.day_counts import DayCounts
from edge.values import Pixels
from tests.brokers import Embedded, Mosquitto
from tests.person import ROOT, Person
from tests.schemas import schema
from tests.waiting import wait_until
from tests.watches import bare_face_video, settings, watching

AnyBroker = Mosquitto | Embedded


@pytest.fixture
def person(broker: AnyBroker) -> Iterator[Person]:
    if isinstance(broker, Embedded):
        pytest.skip("mosquitto is not installed, and the embedded broker speaks 3.1.1 only")
    made = Person(broker.settings)
    yield made
    made.close()


@pytest.fixture(scope="module")
def bare_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_face_video(tmp_path_factory.mktemp("video") / "bare.mp4")


def asked_until_answered(person: Person, command: str, payload: str) -> dict[str, Any]:
    """The answer to a command, given again until the device has subscribed."""
    deadline, number = time.monotonic() + 20, 0
    while not (found := person.on(f"command/{command}/result")):
        assert time.monotonic() < deadline
        number += 1
        person.ask(command, payload % number)
        time.sleep(0.3)
    return found[-1]  # type: ignore[no-any-return]


def test_the_counts_are_kept_by_the_broker_and_go_on_after_a_restart(
    tmp_path: Path, broker: AnyBroker, person: Person
):
    chosen = settings(tmp_path, broker.settings, "demo")
    with watching(chosen) as made:
        wait_until(lambda: any(counts["seen"] >= 2 for counts in person.on("counts")), 60)
    kept = to_message(DayCounts(tmp_path).today(), chosen.device, 0)
    # What was said last may still be on its way.
    wait_until(lambda: person.on("counts")[-1] == kept)
    last = person.on("counts")[-1]
    Draft202012Validator(schema("counts")).validate(last)
    assert last["seen"] == made.people.seen
    assert last["unmasked"] + last["masked"] + last["unsure"] == last["seen"]
    assert last["open_violations"] == 0
    assert max(counts["open_violations"] for counts in person.on("counts")) >= 1
    assert kept == last


def test_a_pause_is_obeyed_and_over_by_itself_and_the_answer_goes_where_it_is_wanted(
    tmp_path: Path, broker: AnyBroker, person: Person
):
    chosen = settings(
        tmp_path, broker.settings, "demo", commands=Commands(allow=("pause", "resume"))
    )
    with watching(chosen) as made:
        found = asked_until_answered(person, "resume", '{"id": "r%d"}')
        assert found["outcome"] == "done"
        person.ask("pause", '{"id": "1", "seconds": 1}', reply=f"{ROOT}/command/pause/result/me")
        wait_until(lambda: bool(person.on("command/pause/result/me")))
        answer = person.on("command/pause/result/me")[0]
        Draft202012Validator(schema("result")).validate(answer)
        assert answer == {"command": "pause", "id": "1", "outcome": "done",
                          "detail": "paused for 1 s"}  # fmt: skip
        [message] = [m for m in person.heard if m.topic.endswith("/result/me")]
        assert message.properties
        assert message.properties.CorrelationData == b"\x07"
        assert made.paused
        wait_until(lambda: not made.paused)


def test_a_device_with_no_commands_switched_on_hears_none(
    tmp_path: Path, broker: AnyBroker, person: Person
):
    with watching(settings(tmp_path, broker.settings, "demo")) as made:
        wait_until(lambda: person.on("status") == [b"online"], 20)
        person.ask("pause", '{"id": "1"}')
        time.sleep(1)
        assert not made.paused
    assert not person.on("command/pause/result")


def test_a_retained_command_is_refused_with_each_connection_and_never_obeyed(
    tmp_path: Path, broker: AnyBroker, person: Person
):
    person.ask("pause", '{"id": "1"}', retain=True)
    chosen = settings(tmp_path, broker.settings, "demo", commands=Commands(allow=("pause",)))
    with watching(chosen) as made:
        wait_until(lambda: bool(person.on("command/pause/result")), 20)
        assert not made.paused
    assert "retained" in person.on("command/pause/result")[0]["detail"]


@pytest.mark.parametrize("hidden", [True, False])
def test_a_violation_is_sent_with_a_picture_where_that_is_switched_on(
    tmp_path: Path,
    broker: AnyBroker,
    person: Person,
    bare_video: Path,
    hidden: bool,  # noqa: FBT001
):
    picture = Snapshot(enabled=True, pixelate=hidden)
    chosen = settings(tmp_path, broker.settings, bare_video, snapshot=picture)
    with watching(chosen):
        wait_until(lambda: bool(person.on("snapshot/entrance")), 30)
    jpeg = person.on("snapshot/entrance")[0]
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    shown: Pixels = np.ascontiguousarray(np.asarray(decoded, np.uint8)[:, :, ::-1])
    assert shown.shape == (480, 640, 3)
    found = OpenNets(chosen).detector.detect(shown)
    assert bool(found) != hidden


def test_no_picture_is_sent_unless_that_is_switched_on(
    tmp_path: Path, broker: AnyBroker, person: Person, bare_video: Path
):
    allowed = Commands(allow=("snapshot",))
    with watching(settings(tmp_path, broker.settings, bare_video, commands=allowed)):
        found = asked_until_answered(person, "snapshot", '{"id": "s%d"}')
        wait_until(lambda: bool(person.on("alert")), 30)
    assert found["outcome"] == "failed"
    assert "snapshot.enabled" in found["detail"]
    assert not person.on("snapshot/entrance")


def test_a_picture_is_sent_when_asked_for_and_an_unknown_camera_is_told(
    tmp_path: Path, broker: AnyBroker, person: Person
):
    chosen = settings(
        tmp_path,
        broker.settings,
        "demo",
        commands=Commands(allow=("snapshot",)),
        snapshot=Snapshot(enabled=True),
    )
    with watching(chosen):
        wait_until(lambda: bool(person.on("status")), 20)
        time.sleep(1)
        person.ask("snapshot", '{"id": "1", "camera": "cellar"}')
        person.ask("snapshot", '{"id": "2", "camera": "entrance"}')
        wait_until(lambda: len(person.on("command/snapshot/result")) == 2)
    first, second = person.on("command/snapshot/result")
    assert (first["outcome"], second["outcome"]) == ("failed", "done")
    assert "known are entrance" in first["detail"]
    assert person.on("snapshot/entrance")[0][:3] == b"\xff\xd8\xff"


def test_health_is_kept_by_the_broker(tmp_path: Path, broker: AnyBroker, person: Person):
    with watching(settings(tmp_path, broker.settings, "demo"), {"frames_per_second": 15}):
        wait_until(lambda: person.on("health") == [{"frames_per_second": 15}], 20)


def test_home_assistant_is_told_of_the_entities_that_the_settings_allow(
    tmp_path: Path, broker: AnyBroker, person: Person
):
    chosen = settings(
        tmp_path,
        broker.settings,
        "demo",
        commands=Commands(allow=("pause",)),
        home_assistant=HomeAssistant(discovery=True, prefix="ha"),
    )
    with watching(chosen):
        where = "ha/device/maskgate-hq-north-door/config"
        wait_until(lambda: any(message.topic == where for message in person.heard), 20)
    [found] = [json.loads(m.payload) for m in person.heard if m.topic == where]
    platforms = {name: part["platform"] for name, part in found["components"].items()}
    assert platforms["button-pause"] == "button"
    assert platforms["camera-entrance"] == "sensor"
    assert "snapshot-entrance" not in platforms


def test_reload_is_obeyed_and_says_what_has_changed_also_over_another_connection(
    tmp_path: Path, broker: AnyBroker, person: Person
):
    first = settings(tmp_path, broker.settings, "demo", commands=Commands(allow=("reload",)))
    second = first.model_copy(
        update={
            "commands": Commands(allow=("pause", "reload")),
            "home_assistant": HomeAssistant(discovery=True, prefix="ha"),
        }
    )
    wanted: list[Settings | str] = [first, "settings x.toml: unknown key a", second]

    def reread() -> Settings:
        found = wanted.pop(0)
        if isinstance(found, str):
            raise MaskGateError(found)
        return found

    with watching(first, reread=reread) as made:
        wait_until(lambda: person.on("status")[-1:] == [b"online"], 20)
        time.sleep(1)
        for number in range(3):
            person.ask("reload", f'{{"id": "{number}"}}')
            wait_until(lambda n=number: len(person.on("command/reload/result")) > n, 20)
        assert [answer["detail"] for answer in person.on("command/reload/result")] == [
            "changed: nothing",
            "settings x.toml: unknown key a",
            "changed: commands, home_assistant",
        ]
        time.sleep(1)
        person.ask("pause", '{"id": "p"}')
        wait_until(lambda: made.paused)
    assert any(message.topic.startswith("ha/device/") for message in person.heard)


def test_a_face_that_does_not_count_is_pixelated_as_well(
    tmp_path: Path, broker: AnyBroker, person: Person, bare_video: Path
):
    far = Camera(source=str(bare_video), zones=[[(0.0, 0.0), (0.05, 0.0), (0.05, 0.05)]])
    chosen = settings(
        tmp_path,
        broker.settings,
        bare_video,
        cameras={"entrance": far},
        snapshot=Snapshot(enabled=True),
        commands=Commands(allow=("snapshot",)),
    )
    with watching(chosen):
        asked_until_answered(person, "snapshot", '{"id": "s%d"}')
        wait_until(lambda: bool(person.on("snapshot/entrance")))
    jpeg = np.frombuffer(person.on("snapshot/entrance")[0], np.uint8)
    shown: Pixels = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1].copy()
    assert not OpenNets(chosen).detector.detect(shown)
