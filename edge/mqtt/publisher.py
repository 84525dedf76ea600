"""The publisher: all that the device says to its broker and hears from it, on one connection."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt.client import topic_matches_sub

from edge.alerting.outbox import Outbox
from edge.config import Broker, Device
from edge.errors import MaskGateError
from edge.health.outage import Outage
from edge.mqtt.backoff import Backoff
from edge.mqtt.broker_answer import LostError, RefusedError, UnreachableError
from edge.mqtt.connection import Connection
from edge.mqtt.delivery import Delivery
from edge.mqtt.message import Message, Publication, Will
from edge.mqtt.post import Post
from edge.mqtt.reports import Report, Reports
from edge.mqtt.topics import topic
from edge.mqtt.waker import Waker

IDLE_SECONDS = 1.0
"""Longest wait before the publisher looks around."""
GOODBYE_SECONDS = 2.0
"""How long the broker may take to acknowledge "offline" when the publisher stops."""
SESSION_SECONDS = 60
"""How long the broker keeps commands for a device whose connection was lost (MQTT 5)."""
WILL_DELAY_SECONDS = 5
"""How long the broker waits for it to come back before it says that it is offline (MQTT 5)."""
BRIEF_SECONDS = 5.0
"""A connection lost so soon may have been taken over: a broker lets in one of each client id."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PublisherState:
    """How the publisher and the broker get on."""

    connected: bool
    """The broker has let the device in and takes its alerts."""
    refused: bool
    """The broker has said no; somebody has to put something right."""
    detail: str
    """The same in words."""


class Publisher:
    """Publishes the outbox's alerts, in order and at least once, on a thread of its own.

    Beside them what is to be said once and what the broker is to keep; and it passes on what it
    hears. It reconnects for as long as it runs. Any thread may call any method; none but
    `wait_until_delivered` and `stop` waits for anything.
    """

    def __init__(self, broker: Broker, device: Device, outbox: Outbox) -> None:
        """Prepare to publish.

        Args:
            broker: with a URL.
            device: whose alerts these are.
            outbox: must stay open until the publisher has stopped.
        """
        self._broker = broker
        self._device = device
        self._outbox = outbox
        self._post = Post()
        self._reports: list[Report] = []
        self._heard: dict[str, Callable[[Message], object]] = {}
        """What to do with a message, by a topic, which may have wildcards."""
        self._waker = Waker()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._changed = threading.Condition()
        self._state = PublisherState(connected=False, refused=False, detail="not started")
        self._told: set[str] = set()
        self._outage = Outage()
        self._brief = 0
        """Connections in a row that were lost soon after they were accepted."""

    @property
    def state(self) -> PublisherState:
        """How things stand now."""
        with self._changed:
            return self._state

    @property
    def unsent(self) -> int:
        """Messages other than alerts that could not be sent in time."""
        return self._post.dropped

    def report(self, report: Report) -> None:
        """Let the broker keep something of how the device stands; before the start."""
        self._reports.append(report)

    def hear(self, topics: str, take: Callable[[Message], object]) -> None:
        """Listen to the messages of some topics; before the start.

        Args:
            topics: a topic, which may have wildcards.
            take: called for each message, on the publisher's thread, so it must not wait.
        """
        self._heard[topics] = take

    def post(self, publication: Publication, after: float = 0.0) -> None:
        """Say something once, after so many seconds; it is dropped if that takes too long."""
        self._post.put(publication, after)
        self.notify()

    def start(self) -> None:
        """Begin; a broker that is away or refuses is no error here.

        Raises:
            MaskGateError: the password file or the CA file is not usable.
        """
        address = self._new_connection().address
        self._become(
            PublisherState(connected=False, refused=False, detail=f"connecting to broker {address}")
        )
        self._thread.start()

    def notify(self) -> None:
        """Say that the outbox holds a new alert."""
        if not self._stopping.is_set():
            self._waker.wake()

    def wait_until_delivered(
        self, timeout: float, given_up: Callable[[], bool] = lambda: False
    ) -> bool:
        """Wait until the broker has acknowledged every alert.

        Args:
            timeout: seconds.
            given_up: asked every second; True ends the wait.

        Returns:
            Whether it has; False at once where the broker refuses.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while len(self._outbox):
                left = deadline - time.monotonic()
                if left <= 0 or self._state.refused or given_up():
                    return False
                self._changed.wait(min(left, IDLE_SECONDS))
        return True

    def stop(self, timeout: float = 5.0) -> None:
        """Say goodbye to the broker and end; alerts not yet delivered stay in the outbox.

        Args:
            timeout: seconds; an attempt to connect that takes longer is left to itself.
        """
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._waker.wake()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        if self._thread.is_alive():
            log.warning("the publisher is still waiting for the network; leaving it")
        else:
            self._waker.close()
        self._become(PublisherState(connected=False, refused=False, detail="stopped"))

    def _run(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            backoff.attempt()
            try:
                self._serve(self._new_connection())
            except UnreachableError as error:
                if backoff.was_steady():
                    self._told.clear()
                hint = self._hint(error)
                self._tell(logging.WARNING, f"{error}{hint}; alerts wait, trying again")
                self._rest(backoff.pause(error))
            except (RefusedError, MaskGateError) as error:
                self._tell(logging.ERROR, f"refused: {error}", refused=True)
                self._rest(backoff.pause(error))
            except Exception as error:
                # A fault in the program must not keep alerts back for good.
                log.exception("the publisher failed, trying again")
                self._become(
                    PublisherState(connected=False, refused=False, detail=f"failed: {error!r}")
                )
                self._rest(backoff.pause(error))

    def _hint(self, error: UnreachableError) -> str:
        # MQTT 3.1.1 does not tell a client that another took its place.
        soon = isinstance(error, LostError) and error.lasted < BRIEF_SECONDS
        self._brief = self._brief + 1 if soon else 0
        if self._brief < 2:
            return ""
        return " again; does another device use the same site and id? Give each its own"

    def _new_connection(self) -> Connection:
        # The id is the device's own, so that a broker ends what is left of an earlier connection,
        # and publishes its will, before it lets this one in.
        client_id = f"maskgate-{self._device.site}-{self._device.id}"
        will = Will(topic(self._device, "status"), "offline", WILL_DELAY_SECONDS)
        return Connection(self._broker, client_id, will, session=SESSION_SECONDS)

    def _serve(self, connection: Connection) -> None:
        try:
            connection.open(self._waker)
            delivery = Delivery(connection, self._device, self._outbox)
            delivery.say("online")
            if self._heard:
                connection.subscribe(*self._heard)
            reports = Reports(self._reports)
            while not self._stopping.is_set():
                self._note(connection, delivery)
                delivery.send()
                reports.send(delivery)
                self._send_post(delivery)
                connection.step(IDLE_SECONDS, self._waker)
                self._take(connection)
                if delivery.settle():
                    with self._changed:
                        self._changed.notify_all()
                self._outbox.retry()
            reports.send(delivery, at_last=True)
            self._say_goodbye(connection, delivery)
        finally:
            connection.drop()

    def _send_post(self, delivery: Delivery) -> None:
        while not delivery.is_full() and (publication := self._post.take()) is not None:
            delivery.publish(publication)

    def _take(self, connection: Connection) -> None:
        messages = list(connection.received)
        connection.received.clear()
        for message in messages:
            for topics, take in self._heard.items():
                if topic_matches_sub(topics, message.topic):
                    take(message)

    def _note(self, connection: Connection, delivery: Delivery) -> None:
        refusal = connection.subscription_refusal
        if refusal is not None and str(refusal) not in self._told:
            self._told.add(str(refusal))
            log.error("%s; alerts go out all the same", refusal)
        if delivery.refusal is not None:
            self._tell(logging.ERROR, f"refused: {delivery.refusal}", refused=True)
        elif not self.state.connected:
            detail = f"connected to broker {connection.address}"
            log.info(detail)
            self._outage.over()
            self._become(PublisherState(connected=True, refused=False, detail=detail))

    def _say_goodbye(self, connection: Connection, delivery: Delivery) -> None:
        deadline = time.monotonic() + GOODBYE_SECONDS

        def wait_while(holds: Callable[[], bool]) -> None:
            while holds() and (left := deadline - time.monotonic()) > 0:
                connection.step(left, self._waker)
                delivery.settle()

        wait_while(delivery.is_full)
        message = delivery.say("offline")
        wait_while(lambda: delivery.is_in_flight(message))
        connection.close(self._waker)

    def _tell(self, level: int, detail: str, *, refused: bool = False) -> None:
        """Note that the broker is not to be had, and log each cause once, then reminders."""
        reminder = self._outage.failed()
        if detail not in self._told:
            self._told.add(detail)
            log.log(level, detail)
        elif reminder:
            log.log(level, "%s; %s", detail, reminder)
        self._become(PublisherState(connected=False, refused=refused, detail=detail))

    def _become(self, state: PublisherState) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def _rest(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := deadline - time.monotonic()) > 0:
            self._waker.wait(min(left, IDLE_SECONDS))
            self._outbox.retry()
