"""A device that publishes alerts: what tests of it need."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from edge.alerting.outbox import Outbox
from edge.config import Broker, Device
from edge.mqtt.publisher import Publisher
from tests.brokers import Embedded, Listener, Mosquitto
from tests.samples import alert
from tests.waiting import said_until_killed

DEVICE = Device(site="hq", id="north-door")
Publish = Callable[..., Publisher]
Listen = Callable[..., Listener]
AnyBroker = Mosquitto | Embedded
CONNACK = bytes([0x20, 3, 0, 0, 0])
"""What a broker answers to a login that it takes, with MQTT 5."""
KILLED = """
import sys
from pathlib import Path
from edge.config import Broker, Device, Outbox as OutboxSettings
from edge.alerting.outbox import Outbox
from edge.mqtt.publisher import Publisher
from tests.samples import alert
path, url, protocol, first = sys.argv[1:]
outbox = Outbox(OutboxSettings(path=Path(path)))
publisher = Publisher(
    Broker(url=url, protocol=protocol), Device(site="hq", id="north-door"), outbox
)
publisher.start()
for number in range(int(first), int(first) + 100_000):
    outbox.add(alert(number, "closed"))
    publisher.notify()
    print(number, flush=True)
"""


def add(outbox: Outbox, publisher: Publisher, numbers: range) -> None:
    for number in numbers:
        outbox.add(alert(number))
        publisher.notify()


def numbers(listener: Listener) -> list[int]:
    """The violations that a listener heard of, in order, repeats included."""
    return [UUID(json.loads(payload)["subject"]).int for payload in listener.payloads("alert")]


def without_repeats(heard: list[int]) -> list[int]:
    return list(dict.fromkeys(heard))


def run_until_killed(path: Path, broker: Broker, first: int, count: int) -> int:
    """The last alert that a publishing process says it added before it was killed."""
    words = str(path), str(broker.url), broker.protocol, str(first)
    return said_until_killed(KILLED, *words, lines=count)[-1]
