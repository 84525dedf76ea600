"""A single connection, where a broker alone would not show the difference."""

import socket
import ssl
import threading
import time
from pathlib import Path

from edge.config import Broker
from edge.mqtt.connection import Connection
from edge.mqtt.message import Message
from edge.mqtt.waker import Waker


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
