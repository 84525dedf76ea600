"""Devices that alert: each has the outbox and the publisher of a real one."""

import random
import threading
import time
from pathlib import Path

from edge.alerting.outbox import Outbox
from edge.config import Broker, Device
from edge.config import Outbox as OutboxSettings
from edge.mqtt.publisher import Publisher
from tests.samples import alert


class Devices:
    """Many devices, and a crowd without masks."""

    def __init__(self, count: int, url: str, folder: Path) -> None:
        # Neither of the two brokers of Debian's speaks MQTT 5.
        broker = Broker(url=url, protocol="3.1.1")
        self.added: dict[int, float] = {}
        """Alerts that are in an outbox for certain, by number: the monotonic time of that."""
        self._outboxes = [
            Outbox(OutboxSettings(path=folder / f"outbox{number}.sqlite"))
            for number in range(count)
        ]
        self._publishers = [
            Publisher(broker, Device(site="hq", id=f"door-{number}"), outbox)
            for number, outbox in enumerate(self._outboxes)
        ]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._alert, daemon=True)
        self._rate = 0.0

    def connect(self) -> None:
        """Connect, not all in the same moment, as devices that are switched on are not."""
        for publisher in self._publishers:
            publisher.start()
            time.sleep(0.005)

    @property
    def connected(self) -> int:
        return sum(publisher.state.connected for publisher in self._publishers)

    @property
    def waiting(self) -> int:
        """Alerts that no broker has acknowledged yet."""
        return sum(len(outbox) for outbox in self._outboxes)

    def alert(self, rate: float) -> None:
        """Begin to alert: so many alerts a second, of all devices together."""
        self._rate = rate
        self._thread.start()

    def be_silent(self) -> None:
        """No more alerts; those that wait still go out."""
        self._over.set()
        self._thread.join(10)

    def stop(self) -> None:
        self._over.set()
        for publisher in self._publishers:
            threading.Thread(target=publisher.stop, daemon=True).start()
        deadline = time.monotonic() + 20
        while any(publisher.state.detail != "stopped" for publisher in self._publishers):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        for outbox in self._outboxes:
            outbox.close()

    def _alert(self) -> None:
        chance = random.Random(1)  # noqa: S311  (not a secret)
        due = time.monotonic()
        while not self._over.is_set():
            due += chance.expovariate(self._rate)
            time.sleep(max(0.0, due - time.monotonic()))
            which, number = chance.randrange(len(self._outboxes)), len(self.added) + 1
            self._outboxes[which].add(alert(number))
            self.added[number] = time.monotonic()
            self._publishers[which].notify()
