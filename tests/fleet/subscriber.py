"""Somebody who must not miss an alert."""

import json
import socket
import threading
import time
from uuid import UUID

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edge.mqtt.broker_url import parse_broker_url


class Subscriber:
    """A subscriber with a session that the broker keeps, whichever node it comes back to."""

    def __init__(self, url: str) -> None:
        address = parse_broker_url(url)
        self.heard: list[tuple[float, int]] = []
        """Monotonic time and number of each alert, repeats too."""
        self.disconnects = 0
        self._subscribed = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id="control-room", clean_session=False
        )
        self._client.on_connect = lambda client, *_: client.subscribe("maskgate/+/+/alert", 1)
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 2)
        self._client.connect(address.host, address.port, keepalive=10)
        self._client.loop_start()
        assert self._subscribed.wait(30), "the broker does not take the subscription"

    @property
    def connection(self) -> socket.socket:
        """Its socket now."""
        found = self._client.socket()
        assert isinstance(found, socket.socket)
        return found

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_subscribe(self, *_: object) -> None:
        self._subscribed.set()

    def _on_disconnect(self, *_: object) -> None:
        self.disconnects += 1

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        number = UUID(json.loads(message.payload)["subject"]).int
        self.heard.append((time.monotonic(), number))
