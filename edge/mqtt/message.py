"""What goes over a connection: messages from the broker, and those for it."""

from dataclasses import dataclass

from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


@dataclass(frozen=True, slots=True)
class Message:
    """A message from the broker."""

    topic: str
    payload: bytes
    retained: bool = False
    """It was kept by the broker, or is to be: not said to those who listen now alone."""
    reply_to: str | None = None
    """The topic that an answer is wanted on; MQTT 5."""
    correlation: bytes | None = None
    """What the answer is to carry, so that the asker knows it; MQTT 5."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A message for the broker, which it acknowledges (QoS 1)."""

    topic: str
    payload: str | bytes
    """Text, or anything."""
    retain: bool = False
    """Whether the broker keeps it for later subscribers."""
    content_type: str | None = None
    """A MIME type; said in MQTT 5 only."""
    expires_after: int | None = None
    """Seconds after which nobody wants it any more; said in MQTT 5 only."""
    correlation: bytes | None = None
    """What was asked to be carried by an answer; said in MQTT 5 only."""

    @property
    def size(self) -> int:
        """Bytes of the payload."""
        return len(self.payload.encode() if isinstance(self.payload, str) else self.payload)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The broker's answer to a message."""

    message: int
    refusal: str | None
    """Why the broker did not take it; only MQTT 5 says so."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when the connection ends without a goodbye."""

    topic: str
    payload: str
    delay: int = 0
    """Seconds that it waits for the device to come back; only MQTT 5 has it, and a session."""


def received(message: MQTTMessage) -> Message:
    """A message as paho has it; a topic that is no UTF-8 becomes empty, which no topic is."""
    try:
        topic = message.topic
    except UnicodeDecodeError:
        topic = ""
    more = message.properties
    return Message(
        topic,
        bytes(message.payload),
        message.retain,
        getattr(more, "ResponseTopic", None),
        getattr(more, "CorrelationData", None),
    )


def of_publication(publication: Publication) -> Properties:
    """What MQTT 5 says of a message beside its payload."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho
    if isinstance(publication.payload, str):
        properties.PayloadFormatIndicator = 1  # UTF-8
    if publication.content_type is not None:
        properties.ContentType = publication.content_type
    if publication.expires_after is not None:
        properties.MessageExpiryInterval = publication.expires_after
    if publication.correlation is not None:
        properties.CorrelationData = publication.correlation
    return properties


def of_session(seconds: int, largest: int) -> Properties:
    """What MQTT 5 says when it connects.

    Args:
        seconds: for which the broker keeps the session of a connection that was lost.
        largest: bytes of a message; the broker keeps larger ones to itself.
    """
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho
    properties.SessionExpiryInterval = seconds
    properties.MaximumPacketSize = largest
    return properties


def of_goodbye() -> Properties:
    """What MQTT 5 says when it disconnects for good: the session ends."""
    properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]  # paho
    properties.SessionExpiryInterval = 0
    return properties


def of_will(will: Will) -> Properties:
    """What MQTT 5 says of the last will."""
    properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]  # paho
    properties.PayloadFormatIndicator = 1  # UTF-8
    properties.WillDelayInterval = will.delay
    return properties
