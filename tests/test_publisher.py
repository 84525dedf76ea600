"""Alerts on their way to a real broker: away, back, refusing, silent; and a killed process."""

import json
import logging
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

import edge
from edge.alerting.outbox import Outbox
from edge.config import Broker
from edge.config import Outbox as OutboxSettings
from edge.mqtt import delivery
from edge.mqtt import publisher as publisher_module
from edge.mqtt.publisher import Publisher
from tests.brokers import Embedded, Mosquitto, Silent
from tests.publishing import (
    CONNACK,
    DEVICE,
    AnyBroker,
    Listen,
    Publish,
    add,
    numbers,
    run_until_killed,
    without_repeats,
)
from tests.samples import alert
from tests.waiting import free_port, wait_until


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
