"""One connection to an MQTT broker, driven by the thread that owns it.

A lost connection is not mended: its owner opens a new one and decides itself what is sent again,
so nothing depends on what a client library keeps in memory.
"""

import select
import ssl
import time
from typing import Any

from paho.mqtt.client import (
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
    MQTTv5,
    MQTTv311,
)
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.config import Broker
from edge.mqtt.broker_answer import PROTOCOL_ERROR, Login, RefusedError, UnreachableError
from edge.mqtt.broker_url import parse_broker_url, read_password
from edge.mqtt.message import (
    Acknowledgement,
    Message,
    Publication,
    Will,
    of_goodbye,
    of_publication,
    of_session,
    of_will,
    received,
)
from edge.mqtt.tls import tls_context
from edge.mqtt.waker import Waker

ANSWER_SECONDS = 5.0
"""How long a broker may take to accept the connection, and again to answer the login."""

WINDOW = 16
"""Messages sent ahead of their acknowledgements, where the broker does not want fewer."""
LARGEST = 65_536
"""Bytes of a message that a broker of MQTT 5 may pass on to us: commands are far smaller."""


class Connection:
    """A connection to the broker, for one thread; others may wake it."""

    def __init__(
        self, broker: Broker, client_id: str, will: Will | None = None, *, session: int = 0
    ) -> None:
        """Prepare a connection; nothing is sent yet.

        Args:
            broker: with a URL.
            client_id: a broker ends an older connection of the same id.
            will: what is published when the connection ends without a goodbye.
            session: seconds for which the broker keeps what is meant for this client after the
                connection was lost; only MQTT 5 has a limit for it, so 3.1.1 keeps nothing.

        Raises:
            MaskGateError: the password file, the CA file, the certificate or its key is not usable.
        """
        if broker.url is None:
            raise ValueError("a connection needs the broker's URL")
        self.address = parse_broker_url(broker.url)
        self.received: list[Message] = []
        """Messages that came in; for the owner to take out."""
        self.acknowledged: list[Acknowledgement] = []
        """Answers that came in; for the owner to take out."""
        self.window = WINDOW
        """Messages that may be sent ahead of their acknowledgements."""
        self.largest: int | None = None
        """Bytes of a message that the broker takes; None for no limit."""
        self.subscription_refusal: RefusedError | None = None
        """Why the broker does not pass on what was subscribed to, if it does not."""
        self._keepalive = broker.keepalive
        self._is_mqtt5 = broker.protocol == "5"
        self._accepted: float | None = None
        """Monotonic time when the broker let this client in."""
        self._end: UnreachableError | RefusedError | None = None
        password = read_password(self.address.user, broker.password_file)
        self._login = Login(
            self.address, password is not None, broker.cert_file is not None, broker.protocol
        )
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=MQTTv5 if self._is_mqtt5 else MQTTv311,
            reconnect_on_failure=False,
        )
        self._client.connect_timeout = ANSWER_SECONDS
        if self.address.user is not None:
            self._client.username_pw_set(self.address.user, password)
        if will is not None:
            more = of_will(will) if self._is_mqtt5 else None
            self._client.will_set(will.topic, will.payload, qos=1, retain=True, properties=more)
        context = tls_context(broker, asked=self.address.tls)
        if context is not None:
            self._client.tls_set_context(context)
        self._session = session if self._is_mqtt5 else 0
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def open(self, waker: Waker) -> None:
        """Connect and log in.

        Raises:
            UnreachableError: no broker answers there.
            RefusedError: it refuses the login, or its certificate is not to be trusted.
        """
        try:
            if self._is_mqtt5:
                self._client.connect(
                    self.address.host,
                    self.address.port,
                    self._keepalive,
                    clean_start=not self._session,
                    properties=of_session(self._session, LARGEST),
                )
            else:
                self._client.connect(self.address.host, self.address.port, self._keepalive)
        except (OSError, ValueError) as error:
            # A host name that no name server could ever know is a ValueError.
            raise self._login.no_connection(error) from error
        deadline = time.monotonic() + ANSWER_SECONDS
        while self._accepted is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._login.unreachable(f"no answer to the login within {ANSWER_SECONDS:g} s")
            self.step(left, waker)

    def step(self, seconds: float, waker: Waker) -> None:
        """Send and receive what is due; waits for that or a wake, at most so long.

        Raises:
            UnreachableError: the connection is lost.
            RefusedError: the broker ended it and would again.
        """
        sock: Any = self._client.socket()
        if self._end is None and sock is not None:
            poll = select.poll()
            poll.register(waker, select.POLLIN)
            writing = select.POLLOUT if self._client.want_write() else 0
            poll.register(sock, select.POLLIN | writing)
            # TLS may hold decrypted bytes that the socket below no longer shows.
            buffered = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
            number = sock.fileno()
            events = dict(poll.poll(0 if buffered else max(0.0, seconds) * 1000))
            waker.clear()
            if buffered or events.get(number, 0) & ~select.POLLOUT:
                self._client.loop_read()
            if events.get(number, 0) & select.POLLOUT:
                self._client.loop_write()
            self._client.loop_misc()
        if self._end is not None:
            raise self._end
        if self._client.socket() is None:
            raise self._login.unreachable("the connection was lost")

    def publish(self, publication: Publication) -> int:
        """Send a message at QoS 1.

        Returns:
            The message's number, as its acknowledgement will name it.
        """
        return self._client.publish(
            publication.topic,
            publication.payload,
            qos=1,
            retain=publication.retain,
            properties=of_publication(publication) if self._is_mqtt5 else None,
        ).mid

    def subscribe(self, *topics: str) -> None:
        """Ask for the messages of some topics, at QoS 1; see `subscription_refusal`."""
        if self._is_mqtt5:
            # So that a message to be kept can be told from one for now.
            options = SubscribeOptions(qos=1, retainAsPublished=True)
            self._client.subscribe([(topic, options) for topic in topics])
        else:
            self._client.subscribe([(topic, 1) for topic in topics])

    def close(self, waker: Waker) -> None:
        """Say goodbye, so that the broker keeps the will to itself."""
        deadline = time.monotonic() + 1
        self._client.disconnect(
            properties=of_goodbye() if self._session and self._is_mqtt5 else None
        )
        try:
            while (left := deadline - time.monotonic()) > 0:
                self.step(left, waker)
        except (UnreachableError, RefusedError):
            pass  # That was the aim.
        self.drop()

    def drop(self) -> None:
        """End the connection at once; the broker publishes the will."""
        sock: Any = self._client.socket()
        if sock is not None:
            sock.close()

    def _on_connect(
        self,
        _client: Client,
        _data: object,
        _flags: ConnectFlags,
        code: ReasonCode,
        more: Properties | None,
    ) -> None:
        if code.is_failure:
            self._end = self._login.ended(code)
            return
        self._accepted = time.monotonic()
        self.window = max(1, min(WINDOW, getattr(more, "ReceiveMaximum", WINDOW)))
        self.largest = getattr(more, "MaximumPacketSize", None)

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        flags: DisconnectFlags,
        code: ReasonCode,
        _more: object,
    ) -> None:
        if self._end is not None:
            return
        if flags.is_disconnect_packet_from_server:
            self._end = self._login.ended(code)
        elif self._accepted is not None:
            self._end = self._login.lost(time.monotonic() - self._accepted)
        elif code.value == PROTOCOL_ERROR:
            self._end = self._login.unreachable("what it says is not MQTT; is it the right port?")
        else:
            self._end = self._login.closed_at_once()

    def _on_publish(
        self, _client: Client, _data: object, message: int, code: ReasonCode, _more: object
    ) -> None:
        refusal = str(code) if code.is_failure else None
        self.acknowledged.append(Acknowledgement(message, refusal))

    def _on_subscribe(
        self, _client: Client, _data: object, _message: int, codes: list[ReasonCode], _more: object
    ) -> None:
        refused = [code for code in codes if code.is_failure]
        if refused:
            self.subscription_refusal = self._login.refused(
                f"it refuses the subscription ({refused[0]})"
            )

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.received.append(received(message))
