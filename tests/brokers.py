"""Real brokers, one that says nothing, and somebody who listens."""

import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edge.config import Broker
from edge.mqtt.broker_url import parse_broker_url
from edge.mqtt.embedded_broker import EmbeddedBroker
from tests.waiting import free_port, wait_until

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
USER, PASSWORD = "door", "s3cr3t-täg"
OTHER_USER = "gate"


class Mosquitto:
    """A mosquitto on a free loopback port; a stopped one comes back on the same."""

    def __init__(self, folder: Path, *options: str, tls: bool = False, user: str = "") -> None:
        self.port = free_port()
        scheme, at = ("mqtts" if tls else "mqtt"), (f"{user}@" if user else "")
        self.settings = Broker(url=f"{scheme}://{at}127.0.0.1:{self.port}")
        self._config = folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "user root", *options]
        self._config.write_text("\n".join(lines) + "\n")
        self._log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert MOSQUITTO
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-c", str(self._config)], stdout=log, stderr=log
            )
        wait_until(self._listens)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def signal(self, number: int) -> None:
        assert self._process
        self._process.send_signal(number)

    def _listens(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self._log.read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except ConnectionRefusedError:
            return False
        return True


class Embedded:
    """The embedded broker, to be used like a mosquitto."""

    def __init__(self) -> None:
        self.port = free_port()
        self.settings = Broker(url=f"mqtt://127.0.0.1:{self.port}", protocol="3.1.1")
        self._broker: EmbeddedBroker | None = None

    def start(self) -> None:
        self._broker = EmbeddedBroker(self.port)
        assert self._broker.start() == self.settings

    def stop(self) -> None:
        if self._broker is not None:
            self._broker.stop()
            self._broker = None


class Silent:
    """A server that accepts connections, says one thing at most, and reads on for ever."""

    def __init__(self, greeting: bytes) -> None:
        self.heard = b""
        self.connections = 0
        self._greeting = greeting
        self._server = socket.create_server(("127.0.0.1", 0))
        self.settings = Broker(url=f"mqtt://127.0.0.1:{self._server.getsockname()[1]}")
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                accepted, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            with accepted:
                accepted.settimeout(10)
                self.heard = accepted.recv(65_536)
                accepted.sendall(self._greeting)
                while received := accepted.recv(65_536):
                    self.heard += received

    def close(self) -> None:
        self._server.close()


class Listener:
    """A subscriber of its own making: what was published, in order of arrival."""

    def __init__(
        self,
        broker: Broker,
        password: str | None = None,
        session: str = "",
        topics: str = "maskgate/#",
    ) -> None:
        """Subscribe; with a session's name the broker keeps what comes in between."""
        assert broker.url
        address = parse_broker_url(broker.url)
        self.messages: list[tuple[str, str]] = []
        self.subscribed = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=session, clean_session=not session
        )
        if address.tls:
            self._client.tls_set(str(broker.ca_file))
        if address.user:
            self._client.username_pw_set(address.user, password)
        self._client.on_connect = lambda client, *_: client.subscribe(topics, 1)
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.on_disconnect = lambda *_: self.subscribed.clear()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(0.05, 0.05)  # type: ignore[arg-type]
        self._client.connect(address.host, address.port)
        self._client.loop_start()
        assert self.subscribed.wait(10)

    def payloads(self, name: str) -> list[str]:
        """What came on the topics of that name."""
        return [payload for topic, payload in self.messages if topic.endswith(f"/{name}")]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.messages.append((message.topic, bytes(message.payload).decode()))
