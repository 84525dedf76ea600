"""What a device says beside its alerts, to a real broker, and what it hears."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.alerting.outbox import Outbox
from edge.mqtt import connection, post
from edge.mqtt import publisher as publisher_module
from edge.mqtt.message import Message, Publication
from edge.mqtt.post import Post
from edge.mqtt.publisher import Publisher
from edge.mqtt.reports import Report
from edge.mqtt.waker import Waker
from tests.brokers import Mosquitto, Silent
from tests.publishing import CONNACK, DEVICE, AnyBroker, Listen, Publish, add
from tests.waiting import wait_until


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
