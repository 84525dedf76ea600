"""The broker as docs/mosquitto describes it: what each of its users may do."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.alerting.outbox import Outbox
from edge.config import Broker, Device
from edge.config import Outbox as OutboxSettings
from edge.mqtt.connection import Connection
from edge.mqtt.message import Publication
from edge.mqtt.publisher import Publisher
from edge.mqtt.waker import Waker
from tests.brokers import OTHER_USER, PASSWORD, USER, Mosquitto
from tests.conftest import COMMANDER, READER
from tests.person import Person
from tests.samples import alert
from tests.waiting import wait_until

MINE, OTHERS = f"maskgate/hq/{USER}", f"maskgate/hq/{OTHER_USER}"
Try = Callable[[str, str], str | None]


def as_user(broker: Broker, user: str) -> Broker:
    return broker.model_copy(update={"url": str(broker.url).replace(f"{USER}@", f"{user}@")})


@pytest.fixture
def refusal(field_broker: Mosquitto) -> Iterator[Try]:
    """What the broker says when a user publishes on a topic; None for nothing."""
    connections: dict[str, Connection] = {}
    with closing(Waker()) as waker:

        def publish(user: str, topic: str) -> str | None:
            if user not in connections:
                connections[user] = Connection(as_user(field_broker.settings, user), f"as-{user}")
                connections[user].open(waker)
            connection = connections[user]
            connection.publish(Publication(topic, "x"))
            while not connection.acknowledged:
                connection.step(5, waker)
            return connection.acknowledged.pop().refusal

        yield publish
        for connection in connections.values():
            connection.drop()


@pytest.mark.parametrize(
    ("user", "topic", "allowed"),
    [
        (USER, f"{MINE}/status", True),
        (USER, f"{MINE}/alert", True),
        (USER, f"{MINE}/counts", True),
        (USER, f"{MINE}/health", True),
        (USER, f"{MINE}/snapshot/entrance", True),
        (USER, f"{MINE}/command/pause/result", True),
        (USER, f"{MINE}/command/pause/result/app", True),
        (USER, f"homeassistant/device/maskgate-hq-{USER}/config", True),
        (USER, f"{MINE}/command/pause", False),
        (USER, f"{MINE}/anything", False),
        (USER, f"{OTHERS}/status", False),
        (USER, f"{OTHERS}/alert", False),
        (USER, f"{OTHERS}/snapshot/entrance", False),
        (USER, f"{OTHERS}/command/pause", False),
        (USER, f"maskgate/cellar/{USER}/alert", False),
        (USER, f"homeassistant/device/maskgate-hq-{OTHER_USER}/config", False),
        (USER, "homeassistant/status", False),
        (OTHER_USER, f"{OTHERS}/alert", True),
        (OTHER_USER, f"{MINE}/alert", False),
        (READER, f"{MINE}/alert", False),
        (READER, f"{MINE}/command/pause", False),
        (COMMANDER, f"{MINE}/command/pause", True),
        (COMMANDER, f"{MINE}/alert", False),
        (COMMANDER, "homeassistant/status", True),
    ],
)
def test_each_may_publish_what_is_theirs_and_nothing_else(
    refusal: Try, user: str, topic: str, *, allowed: bool
):
    assert (refusal(user, topic) is None) == allowed


def test_a_device_hears_its_own_commands_and_no_other_s(field_broker: Mosquitto, refusal: Try):
    device = Person(field_broker.settings, USER, PASSWORD)
    assert refusal(COMMANDER, f"{OTHERS}/command/pause") is None
    assert refusal(COMMANDER, f"{MINE}/command/pause") is None
    wait_until(lambda: bool(device.heard))
    device.close()
    assert [message.topic for message in device.heard] == [f"{MINE}/command/pause"]


def test_a_viewer_sees_all_devices(field_broker: Mosquitto, refusal: Try):
    viewer = Person(field_broker.settings, READER, PASSWORD)
    assert refusal(USER, f"{MINE}/alert") is None
    assert refusal(OTHER_USER, f"{OTHERS}/alert") is None
    wait_until(lambda: len(viewer.heard) == 2)
    viewer.close()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_device_with_its_password_delivers_its_alerts_over_tls(
    field_broker: Mosquitto, tmp_path: Path, protocol: str
):
    with closing(Outbox(OutboxSettings(path=tmp_path / "outbox"))) as outbox:
        settings = field_broker.settings.model_copy(update={"protocol": protocol})
        publisher = Publisher(settings, Device(site="hq", id=USER), outbox)
        viewer = Person(field_broker.settings, READER, PASSWORD, root=MINE)
        publisher.start()
        outbox.add(alert(1))
        publisher.notify()
        assert publisher.wait_until_delivered(10)
        wait_until(lambda: len(viewer.on("alert")) == 1)
        viewer.close()
        publisher.stop()


def test_nobody_is_let_in_without_a_password_or_without_tls(field_broker: Mosquitto):
    tls = field_broker.settings.model_copy(
        update={"url": f"mqtts://127.0.0.1:{field_broker.port}", "password_file": None}
    )
    plain = Broker(url=f"mqtt://127.0.0.1:{field_broker.port}")
    for settings in (tls, plain):
        with (
            closing(Waker()) as waker,
            pytest.raises(Exception, match=r"refuses|without an answer"),
        ):
            Connection(settings, "nobody").open(waker)
