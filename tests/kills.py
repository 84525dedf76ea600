"""A device that is killed again and again while alerts flow and its broker comes and goes.

Everything is real: the device's process and a mosquitto die by SIGKILL at random moments, or the
connection between them is cut. Whatever `Outbox.add` returned for must reach the subscriber.
`make kill-test` runs 200 kills; `tests/test_kills.py` a few.
"""

import contextlib
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

import click
from paho.mqtt.client import Client, MQTTMessage

from edge.mqtt.delivery import LATE_SECONDS
from tests.brokers import Listener, Mosquitto
from tests.waiting import wait_until

DEVICE = """
import random, sys, time
from itertools import count
from pathlib import Path
from edge.alerting.outbox import Outbox
from edge.config import Broker, Device, Outbox as OutboxSettings
from edge.mqtt.publisher import Publisher
from tests.samples import alert
path, url, first, adds = sys.argv[1:]
outbox = Outbox(OutboxSettings(path=Path(path)))
publisher = Publisher(Broker(url=url), Device(site="hq", id="north-door"), outbox)
publisher.start()
for number in count(int(first)) if adds == "adds" else ():
    for state in ("opened", "closed"):
        outbox.add(alert(number, state))
        print(number, state, time.monotonic(), flush=True)
        publisher.notify()
        time.sleep(random.expovariate(200))
publisher.wait_until_delivered(300)
publisher.stop()
outbox.close()
"""
ROOT = Path(__file__).parent.parent
BROKER = ("allow_anonymous true", "max_inflight_messages 0", "max_queued_messages 0")
"""The broker hands a message on before it acknowledges it: what it holds back would die with it."""
LONGEST_LIFE = 3.0
"""Seconds after which a device is killed at the latest; its start takes some of them."""
PER_PROCESS = 1_000_000
"""Each process numbers its violations from a multiple of this."""
SLACK = 2.0
"""Seconds by which the time of hearing may differ from the time of sending."""
Told = tuple[int, str]
"""A violation's number, and whether it opened or closed."""


@dataclass
class Result:
    """What became of the alerts."""

    kills: int
    broker_ends: int
    added: int
    """Alerts that were in the outbox for certain."""
    heard: int
    """Alerts that the subscriber got, each counted once."""
    repeats: int
    late: int
    lost: int
    without_id: int
    """Messages without an id, or with another alert's."""
    out_of_order: int
    left_open: int
    """Violations that opened and never closed."""
    wrongly_late: int
    """Alerts marked late that were not, or the other way round."""
    seconds: float

    @property
    def is_good(self) -> bool:
        """Whether nothing went wrong."""
        wrong = (self.lost, self.without_id, self.out_of_order, self.left_open, self.wrongly_late)
        return not any(wrong)


class Witness(Listener):
    """A subscriber that notes when what came."""

    def __init__(self, broker: Mosquitto) -> None:
        self.heard: list[tuple[float, dict[str, object]]] = []
        super().__init__(broker.settings)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        if message.topic.endswith("/alert"):
            self.heard.append((time.monotonic(), json.loads(message.payload)))


class Gate:
    """Passes the device's connections on to the broker while it is open, and can cut them."""

    def __init__(self, broker_port: int) -> None:
        self.is_open = False
        self._broker_port = broker_port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections, in the middle of whatever is on its way."""
        while self._sockets:
            with contextlib.suppress(OSError):
                self._sockets.pop().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End for good."""
        self._server.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # Closed: the end.
            while True:
                device, _ = self._server.accept()
                try:
                    if not self.is_open:
                        raise ConnectionRefusedError
                    broker = socket.create_connection(("127.0.0.1", self._broker_port), 1)
                except OSError:
                    device.close()
                    continue
                self._sockets += [device, broker]
                for pair in ((device, broker), (broker, device)):
                    threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        source.settimeout(None)
        while content := source.recv(65_536):
            sink.sendall(content)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class FlickeringBroker(threading.Thread):
    """A mosquitto that dies and comes back, and whose connections are cut."""

    def __init__(self, broker: Mosquitto, gate: Gate, witness: Witness, seed: int) -> None:
        super().__init__(daemon=True)
        self.ends = 0
        self._broker, self._gate, self._witness = broker, gate, witness
        self._random = random.Random(seed)  # noqa: S311  # not a secret
        self._over = threading.Event()
        gate.is_open = True

    def run(self) -> None:
        """Come and go until told to stay."""
        while not self._over.wait(self._random.uniform(0.3, 4)):
            self.ends += 1
            if self._random.random() < 0.3:
                self._gate.cut()
                continue
            self._gate.is_open = False
            self._broker.signal(self._random.choice((signal.SIGKILL, signal.SIGTERM)))
            wait_until(lambda: not self._witness.subscribed.is_set())
            self._broker.stop()
            long = self._random.random() < 0.1
            self._over.wait(LATE_SECONDS + 3 if long else self._random.uniform(0, 1.5))
            self._broker.start()
            # Nobody may be heard before somebody listens.
            wait_until(self._witness.subscribed.is_set)
            self._gate.is_open = True

    def stay(self) -> None:
        """Come back for good."""
        self._over.set()
        self.join(30)


def kill_again_and_again(folder: Path, kills: int, seed: int, *, progress: bool = False) -> Result:
    """Kill a device so many times, let the last one deliver, and compare.

    Args:
        folder: an empty one.
        kills: how many.
        seed: of the moments; the same gives about the same run.
        progress: show it on standard error.
    """
    chance = random.Random(seed)  # noqa: S311  # not a secret
    began = time.monotonic()
    broker = Mosquitto(folder, *BROKER)
    broker.start()
    witness, gate = Witness(broker), Gate(broker.port)
    flickering = FlickeringBroker(broker, gate, witness, seed)
    flickering.start()
    added: dict[Told, float] = {}
    path = folder / "outbox.sqlite"
    try:
        numbers = range(kills)
        with click.progressbar(numbers, label="kills", file=sys.stderr, hidden=not progress) as bar:
            for number in bar:
                life = chance.uniform(0, LONGEST_LIFE)
                added |= _live(path, gate.url, (number + 1) * PER_PROCESS, life)
        flickering.stay()
        _deliver(path, gate.url)
        last = max(added)
        wait_until(lambda: any(_told(event) == last for _, event in witness.heard), 30)
    finally:
        flickering.stay()
        witness.close()
        gate.close()
        broker.stop()
    return _compare(kills, flickering.ends, added, witness.heard, time.monotonic() - began)


def _live(path: Path, url: str, first: int, seconds: float) -> dict[Told, float]:
    """Run a device and kill it; returns the alerts that it said it has added, and when."""
    added: dict[Told, float] = {}
    with subprocess.Popen(
        [sys.executable, "-c", DEVICE, str(path), url, str(first), "adds"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdout
        killer = threading.Timer(seconds, process.kill)
        killer.start()
        for line in process.stdout:
            if line.endswith("\n"):
                number, state, when = line.split()
                added[int(number), state] = float(when)
        killer.cancel()
    assert process.returncode == -signal.SIGKILL, f"a device ended by itself: {process.returncode}"
    return added


def _deliver(path: Path, url: str) -> None:
    """Let a last device send all that waits."""
    words = [sys.executable, "-c", DEVICE, str(path), url, "0", "only delivers"]
    subprocess.run(
        words, check=True, timeout=400, capture_output=True, cwd=Path(__file__).parent.parent
    )


def _told(event: dict[str, object]) -> Told:
    number, state = UUID(str(event["subject"])).int, str(event["type"]).rpartition(".")[2]
    return number, state


def _compare(
    kills: int,
    broker_ends: int,
    added: dict[Told, float],
    heard: list[tuple[float, dict[str, object]]],
    seconds: float,
) -> Result:
    first: dict[Told, tuple[float, bool]] = {}
    ids: dict[object, Told] = {}
    without_id = 0
    for moment, event in heard:
        told = _told(event)
        data = event["data"]
        assert isinstance(data, dict)
        first.setdefault(told, (moment, data["late"]))
        without_id += ids.setdefault(event.get("id"), told) != told or not event.get("id")
    order = [told for told in first if told in added]
    due = [told for told in added if told in first]
    opened = {number for number, state in first if state == "opened"}
    closed = {number for number, state in first if state == "closed"}
    waited = {told: first[told][0] - added[told] for told in order}
    return Result(
        kills=kills,
        broker_ends=broker_ends,
        added=len(added),
        heard=len(first),
        repeats=len(heard) - len(first),
        late=sum(late for _, late in first.values()),
        lost=len(added.keys() - first.keys()),
        without_id=without_id,
        out_of_order=sum(one != other for one, other in zip(order, due, strict=True)),
        left_open=len(opened - closed),
        wrongly_late=sum(
            abs(seconds - LATE_SECONDS) > SLACK and first[told][1] != (seconds > LATE_SECONDS)
            for told, seconds in waited.items()
        ),
        seconds=round(seconds, 1),
    )


@click.command()
@click.option("--kills", default=200, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(kills: int, seed: int) -> None:
    """Kill a device again and again, and say what became of its alerts."""
    with tempfile.TemporaryDirectory() as folder:
        result = kill_again_and_again(Path(folder), kills, seed, progress=True)
    for name, value in asdict(result).items():
        click.echo(f"{name.replace('_', ' '):15} {value}")
    if not result.is_good:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
