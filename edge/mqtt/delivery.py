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
from edge.mqtt.topics import topic

LATE_SECONDS = 10.0
"""An alert that waited longer than this says that it is late."""
SILENCE_SECONDS = 30.0
"""A broker that acknowledges nothing for so long is taken for dead."""
HOLD_SECONDS = 60.0
"""Pause before alerts are sent again that the broker refused to take."""
CONTENT_TYPE = "application/cloudevents+json"
"""Of the structured mode, by the CloudEvents MQTT binding 1.0.2, section 3.2."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A message that the broker has not answered yet."""

    what: int | Loss | None
    """An alert by its sequence number, a loss, or a status."""
    at: float
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
        """By message number."""
        self._held_until: float | None = None

    def say(self, status: str) -> int:
        """Publish the device's status, retained; returns the message's number."""
        message = self._connection.publish(topic(self._device, "status"), status, retain=True)
        self._in_flight[message] = _Sent(None, time.monotonic())
        return message

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
            self._publish(loss, to_dropped_event(loss, self._device))
        if self.is_full():
            return
        room = self._connection.window - len(self._in_flight)
        for row in self._outbox.waiting(room, skip=[what for what in sent if type(what) is int]):
            late = self._outbox.age(row) > LATE_SECONDS
            self._publish(row.sequence, to_cloudevent(row.alert, self._device, late=late))

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
            what = sent.what if sent else None
            if answer.refusal is None:
                if isinstance(what, Loss):
                    self._outbox.told(what)
                elif what is not None:
                    taken.append(what)
            elif what is None:
                log.error("the broker refuses the device's status (%s)", answer.refusal)
            else:
                self.refusal = (
                    f"the broker does not let this device publish to "
                    f"{topic(self._device, 'alert')} ({answer.refusal}); allow it there"
                )
                self._held_until = time.monotonic() + HOLD_SECONDS
        if taken:
            self._outbox.remove(taken)
            if self._held_until is None:
                self.refusal = None
        self._check_for_silence()
        return bool(taken)

    def _publish(self, what: int | Loss, event: dict[str, Any]) -> None:
        message = self._connection.publish(
            topic(self._device, "alert"),
            json.dumps(event, allow_nan=False),
            content_type=CONTENT_TYPE,
        )
        self._in_flight[message] = _Sent(what, time.monotonic())

    def _check_for_silence(self) -> None:
        oldest = min((sent.at for sent in self._in_flight.values()), default=None)
        if oldest is not None and time.monotonic() - oldest > SILENCE_SECONDS:
            raise UnreachableError(
                f"broker {self._connection.address}: no acknowledgement for {SILENCE_SECONDS:g} s"
            )
