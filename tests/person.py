"""Somebody with an MQTT 5 client: asks devices, and keeps what they say."""

import json
import threading
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.config import Broker
from edge.mqtt.broker_url import parse_broker_url

ROOT = "maskgate/hq/north-door"


class Person:
    """An MQTT 5 client that has subscribed to everything."""

    def __init__(
        self, broker: Broker, user: str = "", password: str = "", root: str = ROOT
    ) -> None:
        self.heard: list[MQTTMessage] = []
        self.root = root
        assert broker.url
        address, subscribed = parse_broker_url(broker.url), threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        if address.tls:
            self._client.tls_set(str(broker.ca_file))
        if user:
            self._client.username_pw_set(user, password)
        # As it was published: whether it is to be kept is told, too.
        options = SubscribeOptions(qos=1, retainAsPublished=True)
        self._client.on_message = lambda _client, _data, message: self.heard.append(message)
        self._client.on_connect = lambda client, *_: client.subscribe("#", options=options)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect(address.host, address.port)
        self._client.loop_start()
        assert subscribed.wait(10)

    def on(self, name: str) -> list[Any]:
        """What came on a topic of the device: JSON objects, or bytes."""
        found = [m.payload for m in self.heard if m.topic == f"{self.root}/{name}" and m.payload]
        return [json.loads(payload) if payload[:1] == b"{" else payload for payload in found]

    def ask(self, command: str, payload: str, *, retain: bool = False, reply: str = "") -> None:
        """Send a command, and wait until the broker has it."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if reply:
            properties.ResponseTopic, properties.CorrelationData = reply, b"\x07"
        self._client.publish(
            f"{self.root}/command/{command}", payload, qos=1, retain=retain, properties=properties
        ).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
