"""Sending the outbox over one connection: in order, and forgotten only when acknowledged."""

import json
import logging
import time
from dataclasses import dataclass
from typing import Any

from edge.alerting.alerts import to_cloudevent
from edge.alerting.losses import Loss, to_dropped_event
from edge.alerting.outbox import Outbox
from edge.config import Device
from edge.mqtt.broker_answer import UnreachableError
from edge.mqtt.connection import Connection
from edge.mqtt.message import Publication
from edge.mqtt.topics import topic

LATE_SECONDS = 10.0
"""An alert that waited longer than this says that it is late."""
SILENCE_SECONDS = 30.0
"""A broker that acknowledges nothing for so long is taken for dead."""
HOLD_SECONDS = 60.0
"""Pause before alerts are sent again that the broker refused to take."""
CONTENT_TYPE = "application/cloudevents+json"
"""Of the structured mode, by the CloudEvents MQTT binding 1.0.2, section 3.2."""
_OVERHEAD = 1024
"""Bytes of a message beside its payload, at most: topic, properties."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A message that the broker has not answered yet."""

    topic: str
    what: int | Loss | None
    """An alert by its sequence number, a loss, or None for anything else."""
    moment: float
    """Monotonic seconds."""


class Delivery:
    """What was sent over a connection and what became of it."""

    def __init__(self, connection: Connection, device: Device, outbox: Outbox) -> None:
        self.refusal: str | None = None
        """Why the broker does not take alerts, if it does not."""
        self._connection = connection
        self._device = device
        self._outbox = outbox
        self._in_flight: dict[int, _Sent] = {}
        """By the message's number."""
        self._refused: set[str] = set()
        """Topics of which was told that the broker does not take them."""
        self._held_until: float | None = None

    def say(self, status: str) -> int:
        """Publish the device's status, retained; returns the message's number."""
        return self._publish(Publication(topic(self._device, "status"), status, retain=True))

    def publish(self, publication: Publication) -> None:
        """Send anything but an alert; what is too large for the broker is left out, with an error.

        Only while it is not full.
        """
        most, size = self._connection.largest, publication.size + _OVERHEAD
        if most is not None and size > most:
            self._complain(
                publication.topic, f"it takes {most} bytes at most, found about {size}; allow more"
            )
        else:
            self._publish(publication)

    def is_in_flight(self, message: int) -> bool:
        """Whether the broker has not answered this message yet."""
        return message in self._in_flight

    def is_full(self) -> bool:
        """Whether the broker must answer something before more may be sent."""
        return len(self._in_flight) >= self._connection.window

    def send(self) -> None:
        """Send as many waiting alerts as the window allows, and before them what was lost."""
        if self._held_until is not None:
            if self._in_flight or time.monotonic() < self._held_until:
                return
            self._held_until = None
        sent = {each.what for each in self._in_flight.values()}
        if not self.is_full() and (loss := self._outbox.loss()) and loss not in sent:
            self._publish_event(loss, to_dropped_event(loss, self._device))
        if self.is_full():
            return
        room = self._connection.window - len(self._in_flight)
        for row in self._outbox.waiting(room, skip=[what for what in sent if type(what) is int]):
            late = self._outbox.age(row) > LATE_SECONDS
            self._publish_event(row.sequence, to_cloudevent(row.alert, self._device, late=late))

    def settle(self) -> bool:
        """Take the broker's answers; what it acknowledged leaves the outbox.

        Returns:
            Whether an alert left the outbox.

        Raises:
            UnreachableError: it answers nothing any more.
        """
        answers = list(self._connection.acknowledged)
        self._connection.acknowledged.clear()
        taken = []
        for answer in answers:
            sent = self._in_flight.pop(answer.message, None)
            if sent is None:
                continue
            if answer.refusal is None:
                if isinstance(sent.what, Loss):
                    self._outbox.told(sent.what)
                elif sent.what is not None:
                    taken.append(sent.what)
            elif sent.what is None:
                self._complain(sent.topic, f"{answer.refusal}; allow it there")
            else:
                self.refusal = (
                    f"the broker does not let this device publish to {sent.topic} "
                    f"({answer.refusal}); allow it there"
                )
                self._held_until = time.monotonic() + HOLD_SECONDS
        if taken:
            self._outbox.remove(taken)
            if self._held_until is None:
                self.refusal = None
        self._check_for_silence()
        return bool(taken)

    def _publish_event(self, what: int | Loss, event: dict[str, Any]) -> None:
        self._publish(
            Publication(
                topic(self._device, "alert"),
                json.dumps(event, allow_nan=False),
                content_type=CONTENT_TYPE,
            ),
            what,
        )

    def _publish(self, publication: Publication, what: int | Loss | None = None) -> int:
        message = self._connection.publish(publication)
        self._in_flight[message] = _Sent(publication.topic, what, time.monotonic())
        return message

    def _complain(self, where: str, why: str) -> None:
        if where not in self._refused:
            self._refused.add(where)
            log.error("the broker does not take this device's messages on %s (%s)", where, why)

    def _check_for_silence(self) -> None:
        oldest = min((sent.moment for sent in self._in_flight.values()), default=None)
        if oldest is not None and time.monotonic() - oldest > SILENCE_SECONDS:
            raise UnreachableError(
                f"broker {self._connection.address}: no acknowledgement for {SILENCE_SECONDS:g} s"
            )
