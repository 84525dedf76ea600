"""What keeps a device from its broker, logins and TLS among it, and what it says of that."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.alerting.outbox import Outbox
from edge.config import Broker
from edge.errors import MaskGateError
from edge.mqtt import connection
from edge.mqtt.publisher import Publisher
from tests.brokers import PASSWORD, USER, Embedded, Mosquitto, Silent
from tests.publishing import CONNACK, DEVICE, AnyBroker, Listen, Publish, add, numbers
from tests.samples import alert
from tests.waiting import wait_until


def with_password(broker: Broker, file: Path, password: str) -> Broker:
    file.write_text(password + "\n")
    file.chmod(0o600)
    return broker.model_copy(update={"password_file": file})


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
