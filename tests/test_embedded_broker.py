"""The broker inside the program: on loopback only, silent, and gone when it is stopped."""

import logging
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.alerting.outbox import Outbox
from edge.config import Device
from edge.config import Outbox as OutboxSettings
from edge.mqtt.embedded_broker import EmbeddedBroker
from edge.mqtt.publisher import Publisher
from tests.brokers import Listener
from tests.samples import alert
from tests.waiting import free_port, wait_until

CONNECT_5 = bytes([0x10, 16, 0, 4]) + b"MQTT" + bytes([5, 2, 0, 60, 0, 0, 3]) + b"abc"
"""A login in MQTT 5, which it does not speak."""


def port_of(url: str | None) -> int:
    assert url
    return int(url.rpartition(":")[2])


def test_alerts_pass_through_it_in_silence(
    tmp_path: Path, listen: Callable[..., Listener], caplog: pytest.LogCaptureFixture
):
    embedded = EmbeddedBroker(free_port())
    settings = embedded.start()
    listener = listen(settings)
    outbox = Outbox(OutboxSettings(path=tmp_path / "outbox.sqlite"))
    publisher = Publisher(settings, Device(), outbox)
    publisher.start()
    for number in range(1, 51):
        outbox.add(alert(number))
        publisher.notify()
    assert publisher.wait_until_delivered(10)
    publisher.stop()
    outbox.close()
    wait_until(lambda: len(listener.payloads("alert")) == 50)
    wait_until(lambda: listener.payloads("status") == ["online", "offline"])
    with socket.create_connection(("127.0.0.1", port_of(settings.url)), 5) as rude:
        rude.sendall(CONNECT_5)
        while rude.recv(100):
            pass
    embedded.stop()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_it_takes_the_port_it_is_asked_for_and_another_when_that_is_taken(
    caplog: pytest.LogCaptureFixture,
):
    wanted = free_port()
    first, second = EmbeddedBroker(wanted), EmbeddedBroker(wanted)
    assert first.start().url == f"mqtt://127.0.0.1:{wanted}"
    other = port_of(second.start().url)
    assert other != wanted
    socket.create_connection(("127.0.0.1", other), 5).close()
    first.stop()
    second.stop()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_it_listens_on_the_loopback_address_only():
    embedded = EmbeddedBroker(free_port())
    port = port_of(embedded.start().url)
    # Another loopback address stands for every other address of the machine.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), 5)
    embedded.stop()


def test_a_stopped_one_gives_its_port_and_thread_back():
    wanted = free_port()
    for _ in range(2):
        embedded = EmbeddedBroker(wanted)
        assert port_of(embedded.start().url) == wanted
        embedded.stop()
        assert not embedded._thread.is_alive()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", wanted), 5)
    embedded.stop()


def test_without_amqtt_it_says_what_to_do():
    code = (
        "import sys; sys.modules['amqtt'] = None\n"
        "from edge.mqtt.embedded_broker import EmbeddedBroker\n"
        "EmbeddedBroker()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("edge.errors.MaskGateError")
    assert "pip install maskgate[demo]" in last
    assert "broker.url" in last
