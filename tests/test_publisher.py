"""Alerts on their way to a real broker: away, back, refusing, silent; and a killed process."""

import json
import logging
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

import edge
from edge.alerting.outbox import Outbox
from edge.config import Broker, Device
from edge.config import Outbox as OutboxSettings
from edge.errors import MaskGateError
from edge.mqtt import backoff, connection, delivery, post
from edge.mqtt import publisher as publisher_module
from edge.mqtt.message import Message, Publication
from edge.mqtt.post import Post
from edge.mqtt.publisher import Publisher
from edge.mqtt.reports import Report
from edge.mqtt.waker import Waker
from tests.conftest import (
    PASSWORD,
    USER,
    Embedded,
    Listener,
    Mosquitto,
    Silent,
    free_port,
    said_until_killed,
    wait_until,
)
from tests.samples import alert

DEVICE = Device(site="hq", id="north-door")
Publish = Callable[..., Publisher]
Listen = Callable[..., Listener]
AnyBroker = Mosquitto | Embedded


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(OutboxSettings(path=tmp_path / "outbox.sqlite"))
    yield opened
    opened.close()


@pytest.fixture
def publish(outbox: Outbox) -> Iterator[Publish]:
    publishers: list[Publisher] = []

    def start(broker: Broker) -> Publisher:
        publishers.append(Publisher(broker, DEVICE, outbox))
        publishers[-1].start()
        return publishers[-1]

    yield start
    for publisher in publishers:
        publisher.stop()


@pytest.fixture
def retry_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long enough for a listener to be back first, short enough for a test."""
    monkeypatch.setattr(backoff, "AWAY", (0.8, 0.8))
    monkeypatch.setattr(backoff, "REFUSED", (0.2, 0.2))
    monkeypatch.setattr(delivery, "HOLD_SECONDS", 0.2)


def add(outbox: Outbox, publisher: Publisher, numbers: range) -> None:
    for number in numbers:
        outbox.add(alert(number))
        publisher.notify()


def numbers(listener: Listener) -> list[int]:
    """The violations that a listener heard of, in order, repeats included."""
    return [UUID(json.loads(payload)["subject"]).int for payload in listener.payloads("alert")]


def without_repeats(heard: list[int]) -> list[int]:
    return list(dict.fromkeys(heard))


def with_password(broker: Broker, file: Path, password: str) -> Broker:
    file.write_text(password + "\n")
    file.chmod(0o600)
    return broker.model_copy(update={"password_file": file})


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_alerts_arrive_in_order_and_leave_the_outbox(
    broker: AnyBroker, outbox: Outbox, publish: Publish, listen: Listen, protocol: str
):
    if isinstance(broker, Embedded) and protocol == "5":
        pytest.skip("mosquitto is not installed, and the embedded broker speaks 3.1.1 only")
    listener = listen(broker.settings)
    publisher = publish(broker.settings.model_copy(update={"protocol": protocol}))
    add(outbox, publisher, range(1, 101))
    assert publisher.wait_until_delivered(10)
    assert len(outbox) == 0
    wait_until(lambda: len(numbers(listener)) == 100)
    assert numbers(listener) == list(range(1, 101))
    assert {topic for topic, _ in listener.messages} == {
        "maskgate/hq/north-door/alert",
        "maskgate/hq/north-door/status",
    }
    assert publisher.state.connected
    assert str(broker.port) in publisher.state.detail


def test_a_plain_mosquitto_sub_receives_what_the_schema_says(
    broker: AnyBroker, outbox: Outbox, publish: Publish
):
    if shutil.which("mosquitto_sub") is None:
        pytest.skip("mosquitto_sub is not installed")
    publisher = publish(broker.settings)
    wait_until(lambda: publisher.state.connected)
    with subprocess.Popen(
        ["mosquitto_sub", "-p", str(broker.port), "-q", "1", "-C", "4", "-W", "20",
         "-t", "maskgate/+/+/status", "-t", "maskgate/+/+/alert"],
        stdout=subprocess.PIPE, text=True,
    ) as subscriber:  # fmt: skip
        assert subscriber.stdout
        assert subscriber.stdout.readline() == "online\n"  # Retained, so it has subscribed.
        outbox.add(alert(1))
        outbox.add(alert(1, "closed"))
        outbox.add(alert(2))
        publisher.notify()
        events = [json.loads(line) for line in subscriber.stdout]
    schema = Path(edge.__file__).parent / "schemas" / "alert.schema.json"
    validator = Draft202012Validator(
        json.loads(schema.read_text()), format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    for event in events:
        validator.validate(event)
    assert [event["id"] for event in events] == [
        f"{UUID(int=1)}.opened",
        f"{UUID(int=1)}.closed",
        f"{UUID(int=2)}.opened",
    ]
    assert not any(event["data"]["late"] for event in events)


def test_the_status_is_retained_online_while_running_and_offline_after(
    broker: AnyBroker, publish: Publish, listen: Listen
):
    publisher = publish(broker.settings)
    wait_until(lambda: publisher.state.connected)
    early = listen(broker.settings)
    wait_until(lambda: early.payloads("status") == ["online"])
    publisher.stop()
    wait_until(lambda: early.payloads("status") == ["online", "offline"])
    assert publisher.state.detail == "stopped"
    late = listen(broker.settings)
    wait_until(lambda: set(late.payloads("status")) == {"offline"})


@pytest.mark.usefixtures("retry_soon")
def test_with_no_broker_alerts_wait_the_caller_does_not_and_they_say_they_are_late(
    broker: AnyBroker,
    outbox: Outbox,
    publish: Publish,
    listen: Listen,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setattr(delivery, "LATE_SECONDS", 0.0)
    broker.stop()
    publisher = publish(broker.settings)
    began = time.monotonic()
    add(outbox, publisher, range(1, 11))
    assert time.monotonic() - began < 1
    wait_until(lambda: "refused" in publisher.state.detail.lower())
    assert not publisher.state.connected
    assert not publisher.state.refused
    assert not publisher.wait_until_delivered(0.1)
    broker.start()
    listener = listen(broker.settings)
    assert publisher.wait_until_delivered(10)
    wait_until(lambda: numbers(listener) == list(range(1, 11)))
    assert all(json.loads(event)["data"]["late"] for event in listener.payloads("alert"))
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert f"broker 127.0.0.1:{broker.port}: Connection refused" in warnings[0].message


@pytest.mark.usefixtures("retry_soon")
def test_a_broker_restarted_between_alerts_costs_nothing(
    broker: AnyBroker, outbox: Outbox, publish: Publish, listen: Listen
):
    listener = listen(broker.settings)
    publisher = publish(broker.settings)
    add(outbox, publisher, range(1, 11))
    wait_until(lambda: numbers(listener)[-1:] == [10])
    for begin in (11, 21):
        broker.stop()
        wait_until(lambda: not listener.subscribed.is_set())
        add(outbox, publisher, range(begin, begin + 10))
        broker.start()
        assert listener.subscribed.wait(10)
        assert publisher.wait_until_delivered(10)
        wait_until(lambda last=begin + 9: numbers(listener)[-1:] == [last])
    assert without_repeats(numbers(listener)) == list(range(1, 31))


@pytest.mark.usefixtures("retry_soon")
def test_a_broker_restarted_while_alerts_flow_costs_nothing(
    make_mosquitto: Callable[..., Mosquitto],
    tmp_path: Path,
    outbox: Outbox,
    publish: Publish,
    listen: Listen,
):
    broker = make_mosquitto(
        "allow_anonymous true", "persistence true", f"persistence_location {tmp_path}/"
    )
    # The broker keeps for it what it acknowledged and could not pass on.
    listener = listen(broker.settings, session="listener")
    publisher = publish(broker.settings)
    wait_until(lambda: publisher.state.connected)
    flow = threading.Thread(target=add, args=(outbox, publisher, range(1, 1501)))
    flow.start()
    for amount in (100, 700):
        wait_until(lambda amount=amount: len(numbers(listener)) > amount, 30)
        broker.stop()
        broker.start()
    flow.join(60)
    assert publisher.wait_until_delivered(30)
    wait_until(lambda: 1500 in numbers(listener), 30)
    assert without_repeats(numbers(listener)) == list(range(1, 1501))


@pytest.mark.usefixtures("retry_soon")
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_refused_login_is_an_error_once_and_heals_with_the_password(
    login_broker: Mosquitto,
    outbox: Outbox,
    publish: Publish,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    protocol: str,
):
    file = tmp_path / "password"
    settings = with_password(login_broker.settings, file, "wrong")
    publisher = publish(settings.model_copy(update={"protocol": protocol}))
    outbox.add(alert(1))
    wait_until(lambda: publisher.state.refused)
    assert publisher.state.detail.startswith("refused: broker 127.0.0.1")
    assert "it refuses the login" in publisher.state.detail
    assert f"check user '{USER}' and the password" in publisher.state.detail
    assert not publisher.state.connected
    began = time.monotonic()
    assert not publisher.wait_until_delivered(10)
    assert time.monotonic() - began < 1
    time.sleep(0.6)  # Several more attempts.
    errors = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.levelname for record in errors] == ["ERROR"]

    with_password(login_broker.settings, file, PASSWORD)
    wait_until(lambda: publisher.state.connected)
    assert publisher.wait_until_delivered(10)


def test_a_login_without_user_or_password_says_what_is_missing(
    login_broker: Mosquitto, publish: Publish
):
    anonymous = Broker(url=f"mqtt://127.0.0.1:{login_broker.port}")
    for settings, hint in [
        (anonymous, "name a user in the URL"),
        (login_broker.settings, f"user '{USER}' has no password"),
    ]:
        publisher = publish(settings)
        wait_until(lambda publisher=publisher: publisher.state.refused)
        assert hint in publisher.state.detail


def test_the_password_may_come_from_the_environment_and_is_shown_nowhere(
    login_broker: Mosquitto,
    outbox: Outbox,
    publish: Publish,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MASKGATE_PASSWORD", PASSWORD)
    publisher = publish(login_broker.settings)
    outbox.add(alert(1))
    assert publisher.wait_until_delivered(10)
    assert PASSWORD not in caplog.text
    assert PASSWORD not in repr(vars(publisher)) + repr(login_broker.settings)


def test_alerts_travel_over_tls(
    tls_broker: Mosquitto, outbox: Outbox, publish: Publish, listen: Listen
):
    listener = listen(tls_broker.settings)
    publisher = publish(tls_broker.settings)
    add(outbox, publisher, range(1, 101))
    assert publisher.wait_until_delivered(10)
    wait_until(lambda: numbers(listener) == list(range(1, 101)))


@pytest.mark.parametrize(
    ("ca", "host", "complaint"),
    [
        ("other.pem", "127.0.0.1", "unable to get local issuer certificate"),
        (None, "127.0.0.1", "unable to get local issuer certificate"),
        ("ca.pem", "localhost", "not valid for 'localhost'"),
    ],
)
def test_a_certificate_that_does_not_hold_is_an_error(
    tls_broker: Mosquitto,
    certificates: Path,
    outbox: Outbox,
    publish: Publish,
    ca: str | None,
    host: str,
    complaint: str,
):
    publisher = publish(
        Broker(url=f"mqtts://{host}:{tls_broker.port}", ca_file=ca and certificates / ca)
    )
    outbox.add(alert(1))
    wait_until(lambda: publisher.state.refused)
    assert "TLS fails" in publisher.state.detail
    assert complaint in publisher.state.detail
    assert len(outbox) == 1


def test_tls_to_a_plain_port_and_the_other_way_round_say_so(
    broker: AnyBroker,
    tls_broker: Mosquitto,
    publish: Publish,
):
    to_plain = publish(Broker(url=f"mqtts://127.0.0.1:{broker.port}"))
    wait_until(lambda: "TLS" in to_plain.state.detail)
    to_tls = publish(Broker(url=f"mqtt://127.0.0.1:{tls_broker.port}"))
    wait_until(lambda: "should the URL be mqtts://" in to_tls.state.detail)
    assert not to_plain.state.connected
    assert not to_tls.state.connected


def test_unusable_files_are_refused_before_the_start(tmp_path: Path, outbox: Outbox):
    noise = tmp_path / "noise"
    noise.write_text("noise")
    for settings, complaint in [
        (Broker(url="mqtts://h", ca_file=tmp_path / "gone"), "gone: No such file"),
        (Broker(url="mqtts://h", ca_file=noise), "no PEM certificate in it"),
        (Broker(url="mqtt://h", ca_file=noise), r"asks for no TLS; write mqtts://"),
        (Broker(url="mqtt://u@h", password_file=tmp_path / "gone"), "gone: No such file"),
    ]:
        with pytest.raises(MaskGateError, match=complaint):
            Publisher(settings, DEVICE, outbox).start()


@pytest.mark.usefixtures("retry_soon")
def test_an_alert_that_the_broker_does_not_take_stays_until_it_does(
    make_mosquitto: Callable[..., Mosquitto],
    tmp_path: Path,
    outbox: Outbox,
    publish: Publish,
    listen: Listen,
    caplog: pytest.LogCaptureFixture,
):
    rules = tmp_path / "rules"
    rules.write_text("topic read #\ntopic write maskgate/hq/north-door/status\n")
    broker = make_mosquitto("allow_anonymous true", f"acl_file {rules}")
    listener = listen(broker.settings)
    publisher = publish(broker.settings)
    add(outbox, publisher, range(1, 31))
    wait_until(lambda: publisher.state.refused)
    assert "does not let this device publish to maskgate/hq/north-door/alert" in (
        publisher.state.detail
    )
    assert not publisher.state.connected
    assert not publisher.wait_until_delivered(5)
    time.sleep(0.5)  # It tries again meanwhile.
    assert len(outbox) == 30
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1

    rules.write_text("topic readwrite #\n")
    broker.signal(signal.SIGHUP)
    wait_until(lambda: publisher.state.connected)
    assert publisher.wait_until_delivered(10)
    wait_until(lambda: 30 in numbers(listener))
    assert without_repeats(numbers(listener)) == list(range(1, 31))


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


def run_until_killed(path: Path, broker: Broker, first: int, count: int) -> int:
    """The last alert that a publishing process says it added before it was killed."""
    words = str(path), str(broker.url), broker.protocol, str(first)
    return said_until_killed(KILLED, *words, lines=count)[-1]


def test_no_alert_is_lost_when_the_process_is_killed_again_and_again(
    broker: AnyBroker, tmp_path: Path, listen: Listen
):
    listener = listen(broker.settings)
    path = tmp_path / "killed.sqlite"
    said: list[int] = []
    first = 1
    for count in (1, 40, 150, 400):
        last = run_until_killed(path, broker.settings, first, count)
        said += range(first, last + 1)
        first = last + 1000  # One more may have been added and not said.
    wait_until(lambda: listener.payloads("status")[-1] == "offline")

    rest = Outbox(OutboxSettings(path=path))
    publisher = Publisher(broker.settings, DEVICE, rest)
    publisher.start()
    assert publisher.wait_until_delivered(20)
    publisher.stop()
    rest.close()
    wait_until(lambda: said[-1] in numbers(listener))
    heard = without_repeats(numbers(listener))
    assert heard == sorted(heard)
    assert set(said) <= set(heard)
    assert len(heard) - len(said) <= 4
    ids = [json.loads(payload)["id"] for payload in listener.payloads("alert")]
    assert len(set(ids)) == len(heard)


def test_the_last_will_tells_of_a_killed_process(broker: AnyBroker, tmp_path: Path, listen: Listen):
    listener = listen(broker.settings)
    run_until_killed(tmp_path / "killed.sqlite", broker.settings, 1, 200)
    wait_until(lambda: listener.payloads("status") == ["online", "offline"])
    late = listen(broker.settings)
    wait_until(lambda: set(late.payloads("status")) == {"offline"})


CONNACK = bytes([0x20, 3, 0, 0, 0])


@pytest.mark.usefixtures("retry_soon")
def test_a_broker_that_acknowledges_nothing_gets_a_bounded_window_and_is_left(
    silent: Callable[[bytes], Silent],
    outbox: Outbox,
    publish: Publish,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(delivery, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(publisher_module, "GOODBYE_SECONDS", 0.1)
    server = silent(CONNACK)
    publisher = publish(server.settings)
    add(outbox, publisher, range(1, 101))
    wait_until(lambda: server.heard.count(b"north-door/alert") == 15)
    wait_until(lambda: "no acknowledgement" in publisher.state.detail)
    assert server.heard.count(b"north-door/alert") == 15  # 16 with the status.
    assert len(outbox) == 100
    wait_until(lambda: server.connections == 2)


def test_a_broker_that_does_not_answer_the_login_is_not_connected_and_stops_nobody(
    silent: Callable[[bytes], Silent],
    outbox: Outbox,
    publish: Publish,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 2.0)
    server = silent(b"")
    publisher = publish(server.settings)
    assert publisher.state.detail.startswith("connecting to broker 127.0.0.1:")
    wait_until(lambda: server.connections == 1)
    began = time.monotonic()
    add(outbox, publisher, range(1, 11))
    assert time.monotonic() - began < 1.5
    assert not publisher.state.connected
    wait_until(lambda: "no answer to the login" in publisher.state.detail)
    began = time.monotonic()
    publisher.stop(timeout=2)
    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize(("protocol", "level"), [("5", 5), ("3.1.1", 4)])
def test_the_version_spoken_is_the_configured_one(
    silent: Callable[[bytes], Silent], publish: Publish, protocol: str, level: int
):
    server = silent(bytes([0x20, 2, 0, 1]))
    publish(server.settings.model_copy(update={"protocol": protocol}))
    wait_until(lambda: b"MQTT" in server.heard)
    assert server.heard[server.heard.index(b"MQTT") + 4] == level


@pytest.mark.parametrize(
    ("greeting", "detail", "refused"),
    [
        (bytes([0x20, 2, 0, 1]), 'set broker.protocol = "3.1.1"', True),
        (bytes([0x20, 3, 0, 0x88, 0]), "Server unavailable", False),
        (bytes([0x20, 3, 0, 0x8A, 0]), "Banned", True),
        (CONNACK + bytes([0xE0, 2, 0x8B, 0]), "Server shutting down", False),
        (CONNACK + bytes([0xE0, 2, 0x87, 0]), "it refuses the login (Not authorized)", True),
        (CONNACK + bytes([0xE0, 2, 0x8E, 0]), "same site and device; give each its own", False),
        (bytes([0x10, 0]), "what it says is not MQTT", False),
    ],
)
def test_what_a_broker_says_is_told(
    silent: Callable[[bytes], Silent],
    publish: Publish,
    greeting: bytes,
    detail: str,
    refused: bool,  # noqa: FBT001
):
    publisher = publish(silent(greeting).settings)
    wait_until(lambda: detail in publisher.state.detail)
    assert not publisher.state.connected
    assert publisher.state.refused == refused


TAKEN = "does another device use the same site and id?"


@pytest.mark.usefixtures("retry_soon")
def test_two_devices_of_one_name_are_told_so_by_a_broker_that_does_not_say_it(
    broker: AnyBroker, publish: Publish, caplog: pytest.LogCaptureFixture
):
    if isinstance(broker, Embedded):
        pytest.skip("mosquitto is not installed, and the embedded broker lets both in")
    settings = broker.settings.model_copy(update={"protocol": "3.1.1"})
    one, other = publish(settings), publish(settings)
    wait_until(lambda: any(TAKEN in each.state.detail for each in (one, other)))
    lost = [record.message for record in caplog.records if "was lost" in record.message]
    assert TAKEN not in lost[0]  # A single loss says nothing yet.


@pytest.mark.usefixtures("retry_soon")
def test_a_broker_that_restarts_is_not_taken_for_another_device(
    broker: AnyBroker, publish: Publish, caplog: pytest.LogCaptureFixture
):
    publisher = publish(broker.settings.model_copy(update={"protocol": "3.1.1"}))
    for _ in range(3):
        wait_until(lambda: publisher.state.connected)
        broker.stop()
        wait_until(lambda: "refused" in publisher.state.detail)
        broker.start()
    assert TAKEN not in caplog.text


@pytest.mark.parametrize(
    ("host", "reason"), [("no-such-host.invalid", "invalid:1883: "), ("a..b", "b:1883: ")]
)
def test_a_host_that_nobody_knows_is_a_warning(
    publish: Publish, caplog: pytest.LogCaptureFixture, host: str, reason: str
):
    publisher = publish(Broker(url=f"mqtt://{host}"))
    wait_until(lambda: reason in publisher.state.detail)
    assert not publisher.state.refused
    assert caplog.records[0].levelname == "WARNING"


def test_a_publisher_that_never_started_can_be_stopped(outbox: Outbox):
    publisher = Publisher(Broker(url=f"mqtt://127.0.0.1:{free_port()}"), DEVICE, outbox)
    publisher.notify()
    publisher.stop()
    publisher.notify()
    publisher.stop()
    assert publisher.wait_until_delivered(0.1)


def test_a_device_that_is_back_at_once_was_never_offline(
    broker: AnyBroker, tmp_path: Path, publish: Publish, listen: Listen
):
    if isinstance(broker, Embedded):
        pytest.skip("mosquitto is not installed, and the embedded broker speaks 3.1.1 only")
    listener = listen(broker.settings)
    run_until_killed(tmp_path / "killed.sqlite", broker.settings, 1, 20)
    publisher = publish(broker.settings)
    wait_until(lambda: publisher.state.connected)
    wait_until(lambda: listener.payloads("status")[-2:] == ["online", "online"])
    time.sleep(publisher_module.WILL_DELAY_SECONDS + 1)
    assert set(listener.payloads("status")) == {"online"}


def said(name: str, payload: str, **more: Any) -> Publication:
    return Publication(f"maskgate/hq/north-door/{name}", payload, **more)


@pytest.mark.usefixtures("retry_soon")
def test_a_report_goes_out_when_it_changes_and_again_to_a_broker_that_may_be_new(
    broker: AnyBroker, outbox: Outbox, listen: Listen
):
    payloads = ["1"]
    listener = listen(broker.settings)
    publisher = Publisher(broker.settings, DEVICE, outbox)
    publisher.report(Report(lambda: said("counts", payloads[-1], retain=True), every=0))
    publisher.start()
    try:
        wait_until(lambda: listener.payloads("counts") == ["1"])
        payloads.append("2")
        publisher.notify()
        wait_until(lambda: listener.payloads("counts") == ["1", "2"])
        publisher.notify()
        broker.stop()
        wait_until(lambda: not listener.subscribed.is_set())
        broker.start()
        assert listener.subscribed.wait(10)
        wait_until(lambda: listener.payloads("counts") == ["1", "2", "2"])
    finally:
        publisher.stop()


def test_a_report_that_cannot_be_made_keeps_no_alert_back(
    broker: AnyBroker, outbox: Outbox, caplog: pytest.LogCaptureFixture
):
    def fails() -> Publication:
        raise RuntimeError("a fault")

    publisher = Publisher(broker.settings, DEVICE, outbox)
    publisher.report(Report(fails, every=60))
    publisher.start()
    add(outbox, publisher, range(1, 11))
    assert publisher.wait_until_delivered(10)
    publisher.stop()
    assert [record.message for record in caplog.records] == ["a report could not be made"]


@pytest.mark.usefixtures("retry_soon")
def test_what_is_said_once_arrives_and_what_waited_too_long_is_dropped_and_counted(
    broker: AnyBroker, publish: Publish, listen: Listen
):
    broker.stop()
    publisher = publish(broker.settings)
    publisher.post(said("snapshot/entrance", "stale", expires_after=1))
    publisher.post(said("snapshot/entrance", "fresh"))
    publisher.post(said("snapshot/entrance", "later"), after=1.5)
    time.sleep(1.1)
    broker.start()
    listener = listen(broker.settings)
    wait_until(lambda: listener.payloads("entrance") == ["fresh", "later"])
    assert publisher.unsent == 1


def test_what_waits_to_be_said_is_bounded_in_number_and_in_bytes():
    full = Post()
    for number in range(post.MOST + 5):
        full.put(said("x", str(number)))
    assert full.dropped == 5
    first = full.take()
    assert first is not None
    assert first.payload == "5"
    large = Post()
    for _ in range(3):
        large.put(Publication("x", bytes(post.MOST_BYTES // 2)))
    assert large.dropped == 1


def test_what_is_heard_is_passed_on_by_topic(broker: AnyBroker, outbox: Outbox):
    publisher = Publisher(broker.settings, DEVICE, outbox)
    heard: list[Message] = []
    publisher.hear("maskgate/hq/north-door/command/+", heard.append)
    publisher.start()
    wait_until(lambda: publisher.state.connected)
    waker = Waker()
    other = connection.Connection(broker.settings, "other")
    other.open(waker)
    wait_until(lambda: bool(publisher.state.connected))
    try:
        deadline = time.monotonic() + 10
        while not heard and time.monotonic() < deadline:  # Until it has subscribed.
            other.publish(said("command/pause", "{}"))
            other.step(0.1, waker)
        assert heard[0].topic == "maskgate/hq/north-door/command/pause"
        assert heard[0].payload == b"{}"
    finally:
        other.drop()
        waker.close()
        publisher.stop()


def test_a_topic_that_the_broker_does_not_take_is_told_and_keeps_no_alert_back(
    make_mosquitto: Callable[..., Mosquitto],
    tmp_path: Path,
    outbox: Outbox,
    caplog: pytest.LogCaptureFixture,
):
    rules = tmp_path / "rules"
    rules.write_text("topic write maskgate/hq/north-door/#\n")
    broker = make_mosquitto("allow_anonymous true", f"acl_file {rules}")
    publisher = Publisher(broker.settings, DEVICE, outbox)
    publisher.report(Report(lambda: Publication("elsewhere", "x", retain=True)))
    publisher.start()
    add(outbox, publisher, range(1, 11))
    assert publisher.wait_until_delivered(10)
    wait_until(lambda: "messages on elsewhere (Not authorized; allow it there)" in caplog.text)
    assert publisher.state.connected
    publisher.stop()


def test_a_refused_subscription_is_told_once_and_ends_nothing(
    silent: Callable[[bytes], Silent],
    outbox: Outbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setattr(publisher_module, "GOODBYE_SECONDS", 0.1)
    refusal = bytes([0x90, 4, 0, 2, 0, 0x87])
    publisher = Publisher(silent(CONNACK + refusal).settings, DEVICE, outbox)
    publisher.hear("maskgate/hq/north-door/command/+", lambda _: None)
    publisher.start()
    wait_until(lambda: "refuses the subscription (Not authorized)" in caplog.text)
    wait_until(lambda: publisher.state.connected)
    publisher.stop()
    assert caplog.text.count("refuses the subscription") == 1


def test_what_is_too_large_for_the_broker_is_told_and_left_out(
    make_mosquitto: Callable[..., Mosquitto],
    outbox: Outbox,
    publish: Publish,
    caplog: pytest.LogCaptureFixture,
):
    broker = make_mosquitto("allow_anonymous true", "max_packet_size 20000")
    publisher = publish(broker.settings)
    publisher.post(Publication("maskgate/hq/north-door/snapshot/entrance", bytes(30_000)))
    wait_until(lambda: "it takes 20000 bytes at most, found about 31024" in caplog.text)
    add(outbox, publisher, range(1, 3))
    assert publisher.wait_until_delivered(10)
