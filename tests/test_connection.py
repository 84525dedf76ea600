"""A single connection, where a broker alone would not show the difference."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

from edge.config import Broker
from edge.mqtt.connection import Connection
from edge.mqtt.message import Message, Publication
from edge.mqtt.waker import Waker
from tests.brokers import Mosquitto


def test_messages_that_came_in_one_tls_record_do_not_wait_for_the_next(certificates: Path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    topic = b"maskgate/hq/door/status"
    publish = bytes([0x30, 2 + len(topic) + 6, 0, len(topic)]) + topic + b"online"
    done = threading.Event()

    def serve() -> None:
        accepted, _ = server.accept()
        with context.wrap_socket(accepted, server_side=True) as secured:
            secured.recv(65_536)
            secured.sendall(bytes([0x20, 2, 0, 0]) + 5 * publish)
            done.wait(10)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        url = f"mqtts://127.0.0.1:{server.getsockname()[1]}"
        settings = Broker(url=url, ca_file=certificates / "ca.pem", protocol="3.1.1")
        waker, connection = Waker(), Connection(settings, "test")
        connection.open(waker)
        began = time.monotonic()
        while len(connection.received) < 5:
            connection.step(2, waker)
        assert time.monotonic() - began < 1
        assert connection.received == 5 * [Message(topic.decode(), b"online")]
        done.set()
        thread.join(10)
        connection.drop()
        waker.close()


def test_a_wake_ends_the_wait_and_is_not_lost():
    waker = Waker()
    for _ in range(100_000):
        waker.wake()  # More than the socket holds.
    began = time.monotonic()
    waker.wait(5)
    assert time.monotonic() - began < 1
    waker.wait(0)
    began = time.monotonic()
    threading.Timer(0.05, waker.wake).start()
    waker.wait(5)
    assert time.monotonic() - began < 2
    waker.close()
    waker.wake()


def heard_after(connection: Connection, waker: Waker, seconds: float) -> list[bytes]:
    """What a connection is brought within so many seconds after it is opened."""
    connection.open(waker)
    connection.subscribe("maskgate/hq/door/command/+")
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        connection.step(left, waker)
    return [message.payload for message in connection.received]


def test_what_came_while_a_connection_was_lost_is_brought_and_after_a_goodbye_it_is_not(
    make_mosquitto: Callable[..., Mosquitto],
):
    broker = make_mosquitto("allow_anonymous true").settings
    waker, other = Waker(), Connection(broker, "other")
    other.open(waker)

    def say(payload: str) -> None:
        other.publish(Publication("maskgate/hq/door/command/pause", payload))
        while not other.acknowledged:
            other.step(5, waker)
        other.acknowledged.clear()

    first = Connection(broker, "device", session=60)
    assert heard_after(first, waker, 0.5) == []
    first.drop()
    say("1")
    second = Connection(broker, "device", session=60)
    assert heard_after(second, waker, 1.5) == [b"1"]
    second.close(waker)
    time.sleep(0.3)  # The broker may serve the other first.
    say("2")
    third = Connection(broker, "device", session=60)
    assert heard_after(third, waker, 0.5) == []
    third.drop()
    other.drop()
    waker.close()


def test_what_mqtt_5_says_beside_the_payload_arrives(make_mosquitto: Callable[..., Mosquitto]):
    broker = make_mosquitto("allow_anonymous true").settings
    waker, connection = Waker(), Connection(broker, "both")
    connection.open(waker)
    connection.subscribe("maskgate/hq/door/#")
    connection.publish(Publication("maskgate/hq/door/x", b"\xff", retain=True, correlation=b"\x00"))
    while not connection.received:
        connection.step(5, waker)
    assert connection.received == [
        Message("maskgate/hq/door/x", b"\xff", retained=True, correlation=b"\x00")
    ]
    connection.drop()
    waker.close()
