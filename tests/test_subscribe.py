"""`maskgate subscribe` at a real broker, as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from edge.alerting.alerts import to_cloudevent
from edge.config import Broker, Device
from edge.errors import MaskGateError
from edge.mqtt.connection import Connection
from edge.mqtt.message import Publication
from edge.mqtt.subscribe import subscribe
from edge.mqtt.waker import Waker
from tests.brokers import PASSWORD, Embedded, Mosquitto, Silent
from tests.samples import alert
from tests.waiting import free_port, wait_until

DEVICE = Device(site="hq", id="north-door")
COMMAND = [sys.executable, "-c", "from edge.cli import main; main()", "subscribe"]
Process = subprocess.Popen[str]
AnyBroker = Mosquitto | Embedded


class Subscriber:
    """A running `maskgate subscribe`."""

    def __init__(self, *options: str, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TZ": "UTC", **(environment or {})},
        )

    def warning(self, part: str) -> str:
        """Read standard error up to a line that says this."""
        assert self.process.stderr
        return next(line for line in self.process.stderr if part in line)

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().rstrip("\n")

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


@pytest.fixture
def start() -> Iterator[Callable[..., Subscriber]]:
    started: list[Subscriber] = []

    def make(*options: str, environment: dict[str, str] | None = None) -> Subscriber:
        started.append(Subscriber(*options, environment=environment))
        return started[-1]

    yield make
    for subscriber in started:
        subscriber.process.kill()
        subscriber.process.communicate()


def send(broker: Broker, *messages: tuple[str, str]) -> None:
    """Publish messages and wait until the broker has them."""
    waker = Waker()
    connection = Connection(broker, "tests")
    connection.open(waker)
    for topic, payload in messages:
        connection.publish(Publication(topic, payload))
    deadline = time.monotonic() + 10
    while len(connection.acknowledged) < len(messages):
        assert time.monotonic() < deadline
        connection.step(1, waker)
    connection.close(waker)
    waker.close()


def event(number: int, *, late: bool = False) -> str:
    told = replace(alert(number), clock="trusted")
    return json.dumps(to_cloudevent(told, DEVICE, late=late))


ALERT = "maskgate/hq/north-door/alert"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_alerts_are_shown_once_and_a_signal_ends_it_well(
    broker: AnyBroker, start: Callable[..., Subscriber], number: int
):
    subscriber = start("--broker", str(broker.settings.url))
    subscriber.warning("listening")
    send(
        broker.settings,
        (ALERT, event(1)),
        (ALERT, event(1, late=True)),
        (ALERT, "\x1b[2J no JSON"),
        ("maskgate/hq/north-door/status", "online"),
        (ALERT, event(2)),
    )
    first = "1970-01-01 00:16:42 hq/north-door entrance: ALERT no mask, 90% sure"
    assert subscriber.line() == first
    assert subscriber.line().endswith("hq/north-door: online")
    assert subscriber.line() == first.replace("16:42", "16:43")
    assert "expected JSON" in subscriber.warning("left out")
    assert subscriber.end(number) == 0
    assert subscriber.process.communicate()[1] == ""


def test_json_lines_are_the_events(broker: AnyBroker, start: Callable[..., Subscriber]):
    subscriber = start("--json", "--broker", str(broker.settings.url))
    subscriber.warning("listening")
    send(broker.settings, (ALERT, event(1)))
    assert json.loads(subscriber.line()) == json.loads(event(1))


def test_a_broker_that_is_away_or_restarts_is_waited_for(
    broker: AnyBroker, start: Callable[..., Subscriber]
):
    broker.stop()
    subscriber = start("--json", "--broker", str(broker.settings.url))
    assert "Connection refused; trying again" in subscriber.warning("trying again")
    for number in (1, 2):
        broker.start()
        subscriber.warning("listening")
        send(broker.settings, (ALERT, event(number)))
        assert json.loads(subscriber.line())["subject"].endswith(str(number))
        broker.stop()
    assert subscriber.end() == 0


def test_it_ends_after_the_seconds(broker: AnyBroker, start: Callable[..., Subscriber]):
    subscriber = start("--seconds", "1", "--broker", str(broker.settings.url))
    assert subscriber.process.wait(10) == 0


def test_seconds_without_a_connection_are_an_error_that_says_why(
    start: Callable[..., Subscriber], silent: Callable[[bytes], Silent]
):
    nobody = f"127.0.0.1:{free_port()}"
    refused = start("--seconds", "0.2", "--broker", f"mqtt://{nobody}")
    unanswered = start("--seconds", "0.2", "--broker", str(silent(b"").settings.url))
    assert refused.process.wait(10) == 2
    assert f"{nobody}: Connection refused; there was no" in refused.warning("Error")
    assert unanswered.process.wait(10) == 2
    assert "no answer; there was no connection" in unanswered.warning("Error")


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
def test_a_broker_that_never_answers_does_not_hold_it_up(
    start: Callable[..., Subscriber], silent: Callable[[bytes], Silent], scheme: str
):
    server = silent(b"")
    subscriber = start("--broker", str(server.settings.url).replace("mqtt", scheme))
    wait_until(lambda: server.connections == 1)
    began = time.monotonic()
    assert subscriber.end() == 0
    assert time.monotonic() - began < 1.5  # One second, and a busy machine's exit.


def test_the_seconds_hold_while_a_broker_never_answers(silent: Callable[[bytes], Silent]):
    began = time.monotonic()
    with pytest.raises(MaskGateError, match="no answer"):
        subscribe(silent(b"").settings, as_json=False, seconds=0.3)
    assert time.monotonic() - began < 1.3


def test_a_reader_that_leaves_ends_it_well(broker: AnyBroker, start: Callable[..., Subscriber]):
    subscriber = start("--broker", str(broker.settings.url))
    subscriber.warning("listening")
    assert subscriber.process.stdout
    subscriber.process.stdout.close()
    send(broker.settings, (ALERT, event(1)), (ALERT, event(2)))
    assert subscriber.process.wait(10) == 0
    assert subscriber.process.stderr
    assert subscriber.process.stderr.read() == ""


@pytest.mark.parametrize(
    ("password", "hint"), [(None, "has no password"), ("wrong", "check user 'door'")]
)
def test_a_refused_login_is_one_line_and_code_2(
    login_broker: Mosquitto,
    start: Callable[..., Subscriber],
    password: str | None,
    hint: str,
):
    environment = {"MASKGATE_PASSWORD": password} if password else None
    subscriber = start("--broker", str(login_broker.settings.url), environment=environment)
    assert subscriber.process.wait(10) == 2
    assert subscriber.process.stderr
    (line,) = subscriber.process.stderr.read().splitlines()
    assert "it refuses the login" in line
    assert hint in line


def test_a_login_works(login_broker: Mosquitto, start: Callable[..., Subscriber]):
    url = str(login_broker.settings.url)
    subscriber = start("--broker", url, environment={"MASKGATE_PASSWORD": PASSWORD})
    subscriber.warning("listening")
    assert subscriber.end() == 0


def test_a_refused_subscription_is_one_line_and_code_2(
    silent: Callable[[bytes], Silent], start: Callable[..., Subscriber]
):
    # mosquitto 2.0 grants every subscription and then passes nothing on.
    connack, suback = bytes([0x20, 2, 0, 0]), bytes([0x90, 4, 0, 1, 0x80, 0x80])
    subscriber = start("--broker", str(silent(connack + suback).settings.url))
    assert subscriber.process.wait(10) == 2
    assert "it refuses the subscription" in subscriber.warning("Error")
