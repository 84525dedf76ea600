"""Home Assistant finds the device: at a real broker, with its templates on real messages."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from edge.alerting.alerts import to_cloudevent
from edge.alerting.outbox import Outbox
from edge.commands.request import REQUESTS, read_request
from edge.config import Device, HomeAssistant
from edge.config import Outbox as OutboxSettings
from edge.config.commands import COMMANDS
from edge.home_assistant import discovery as discovery_module
from edge.home_assistant.description import describe
from edge.home_assistant.discovery import Discovery, remove
from edge.mqtt.connection import Connection
from edge.mqtt.message import Message, Publication
from edge.mqtt.publisher import Publisher
from edge.mqtt.reports import Report
from edge.mqtt.waker import Waker
from edge.people.counts import Counts, to_message
from tests.brokers import Embedded, Listener, Mosquitto
from tests.conftest import DOCS
from tests.samples import alert
from tests.waiting import wait_until

DEVICE = Device(site="hq", id="north-door")
ROOT = "maskgate/hq/north-door"
WHERE = "homeassistant/device/maskgate-hq-north-door/config"
ON = HomeAssistant(discovery=True)


def described(commands: tuple[Any, ...] = (), *, snapshots: bool = False) -> dict[str, Any]:
    return describe(DEVICE, ["entrance", "side"], commands, snapshots=snapshots)


@pytest.fixture
def retained(broker: Mosquitto | Embedded, listen: Callable[..., Listener]) -> Callable[[], Any]:
    """What a Home Assistant that starts now finds; None for nothing."""

    def read() -> Any:
        listener = listen(broker.settings, topics=f"{WHERE}")
        time.sleep(0.3)
        listener.close()
        return listener.messages[-1][1] if listener.messages else None

    return read


@pytest.fixture
def publisher(broker: Mosquitto | Embedded, tmp_path: Path) -> Iterator[Publisher]:
    outbox = Outbox(OutboxSettings(path=tmp_path / "outbox"))
    made = Publisher(broker.settings, DEVICE, outbox)
    found = Discovery(ON, DEVICE, described, made.post)
    made.report(Report(found.message))
    made.hear(found.birth, found.on_birth)
    made.start()
    wait_until(lambda: made.state.connected)
    yield made
    made.stop()
    outbox.close()


def say(broker: Mosquitto | Embedded, *publications: Publication) -> None:
    waker = Waker()
    connection = Connection(broker.settings, "home-assistant")
    connection.open(waker)
    for publication in publications:
        connection.publish(publication)
    while len(connection.acknowledged) < len(publications):
        connection.step(1, waker)
    connection.close(waker)
    waker.close()


@pytest.mark.usefixtures("publisher")
def test_home_assistant_finds_the_device_whenever_it_starts(retained: Callable[[], Any]):
    wait_until(lambda: retained() is not None)
    found = json.loads(retained())
    assert found["device"]["identifiers"] == ["maskgate-hq-north-door"]
    assert found["availability_topic"] == f"{ROOT}/status"


@pytest.mark.usefixtures("publisher")
def test_the_description_is_sent_again_once_when_home_assistant_says_that_it_has_started(
    broker: Mosquitto | Embedded,
    listen: Callable[..., Listener],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(discovery_module, "JITTER", (0.1, 0.2))
    listener = listen(broker.settings, topics=WHERE)
    wait_until(lambda: len(listener.messages) == 1)
    birth = Publication("homeassistant/status", "online")
    say(broker, Publication("homeassistant/status", "offline"), *[birth] * 5)
    wait_until(lambda: len(listener.messages) == 2)
    time.sleep(1.2)
    assert len(listener.messages) == 2
    assert listener.messages[0] == listener.messages[1]


def test_a_start_is_answered_after_a_while_that_differs_and_not_twice():
    posted: list[float] = []
    for _ in range(5):
        found = Discovery(ON, DEVICE, described, lambda _, after: posted.append(after))
        for _ in range(3):
            found.on_birth(Message("homeassistant/status", b"online"))
    assert len(posted) == 5
    assert all(1 <= after <= 5 for after in posted)
    assert len(set(posted)) > 1


def test_remove_clears_the_description_beside_a_running_device(
    publisher: Publisher, broker: Mosquitto | Embedded, retained: Callable[[], Any]
):
    wait_until(lambda: retained() is not None)
    assert remove(ON, broker.settings, DEVICE) == WHERE
    assert not retained()
    assert publisher.state.connected


def test_the_command_remove_says_what_it_did_and_that_the_device_comes_back(
    broker: Mosquitto | Embedded, tmp_path: Path
):
    config = tmp_path / "maskgate.toml"
    config.write_text(
        '[device]\nsite = "hq"\nid = "north-door"\n[home_assistant]\ndiscovery = true\n'
        f'[broker]\nurl = "{broker.settings.url}"\nprotocol = "{broker.settings.protocol}"\n'
    )
    code = "from edge.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "discovery", "remove", "--config", str(config)],
        capture_output=True, text=True, check=False, timeout=60, env=dict(os.environ),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, f"{WHERE}: cleared\n")
    assert "discovery is still on" in done.stderr
    broker.stop()
    done = subprocess.run(
        [sys.executable, "-c", code, "discovery", "remove", "--config", str(config)],
        capture_output=True, text=True, check=False, timeout=60, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 2
    assert "Connection refused" in done.stderr


def rendered(component: dict[str, Any], message: dict[str, Any]) -> str:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701
    return environment.from_string(component["value_template"]).render(value_json=message)


@pytest.mark.parametrize(
    ("counts", "violations", "expected"),
    [
        (Counts(date(2026, 11, 28), 3, 1, 2), 1, {"violation": "ON", "seen": "6", "masked": "3",
         "unmasked": "1", "unsure": "2", "compliance": "75.0"}),
        (Counts(date(2026, 11, 28)), 0, {"violation": "OFF", "seen": "0", "compliance": "None"}),
    ],
)  # fmt: skip
def test_what_home_assistant_makes_of_the_counts(
    counts: Counts, violations: int, expected: dict[str, str]
):
    message = to_message(counts, DEVICE, violations)
    components = described()["components"]
    for name, value in expected.items():
        assert components[name]["state_topic"] == f"{ROOT}/counts"
        assert rendered(components[name], message) == value


def test_what_home_assistant_makes_of_an_alert():
    event = to_cloudevent(alert(1), DEVICE, late=False)
    component = described()["components"]["alert"]
    found = json.loads(rendered(component, event))
    assert found["event_type"] in component["event_types"]
    assert found["camera"] == "entrance"
    assert found["violation"] == event["subject"]
    assert rendered(component, {"type": "org.maskgate.other", "data": {"count": 3}}) == ""


def test_its_buttons_give_requests_that_the_device_takes():
    components = described(COMMANDS)["components"]
    buttons = {name: part for name, part in components.items() if part["platform"] == "button"}
    assert set(buttons) == {"button-pause", "button-resume", "button-snapshot", "button-reload"}

    class Now:
        def timestamp(self) -> float:
            return 1_795_000_000.123456

    for name, button in buttons.items():
        command = name.removeprefix("button-")
        assert button["command_topic"] == f"{ROOT}/command/{command}"
        template = jinja2.Template(button["command_template"], autoescape=False)
        payload = template.render(now=Now).encode()
        assert read_request(command, payload).id == "1795000000.123456"  # type: ignore[arg-type]
    assert set(REQUESTS) - {"update"} == {name.removeprefix("button-") for name in buttons}


def test_only_what_is_switched_on_is_described():
    plain = described()["components"]
    assert not [part for part in plain.values() if part["platform"] in {"button", "image"}]
    full = described(("pause",), snapshots=True)["components"]
    assert [part["image_topic"] for part in full.values() if part["platform"] == "image"] == [
        f"{ROOT}/snapshot/entrance",
        f"{ROOT}/snapshot/side",
    ]
    assert "button-resume" not in full


def test_each_entity_has_an_id_of_its_own_and_a_platform():
    components = described(COMMANDS, snapshots=True)["components"]
    identities = [part["unique_id"] for part in components.values()]
    assert len(set(identities)) == len(identities)
    assert all(part["platform"] and part["name"] for part in components.values())


def entities() -> set[str]:
    """What Home Assistant calls the entities: by the names of device and entity."""
    found = described(COMMANDS, snapshots=True)
    device = found["device"]["name"]
    return {
        f"{part['platform']}.{_slug(f'{device} ' + part['name'])}"
        for part in found["components"].values()
    }


def _slug(name: str) -> str:
    return re.sub("[^a-z0-9]+", "_", name.lower())


def test_the_examples_in_the_documentation_name_entities_that_there_are():
    text = (DOCS / "home-assistant.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 2
    assert all(yaml.safe_load(block) for block in blocks)
    named = set(re.findall(r"\b(?:binary_sensor|sensor|event|image|button)\.maskgate\w+", text))
    assert len(named) >= 8
    assert named <= entities()
