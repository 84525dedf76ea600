"""What the broker keeps of a device: messages that say how something stands, newest only."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge.mqtt.delivery import Delivery
from edge.mqtt.message import Publication

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """A retained message that goes out again whenever its payload has changed."""

    read: Callable[[], Publication | None]
    """Gives the message as of now, if there is one; called on the publisher's thread, so it must
    not wait."""
    every: float = 1.0
    """Seconds from one message to the next, at least."""


class Reports:
    """The reports over one connection: the first of each at once, for the broker may be new."""

    def __init__(self, reports: Sequence[Report]) -> None:
        self._reports = reports
        self._failed: set[int] = set()
        self._sent: dict[int, tuple[str | bytes | None, float]] = {}
        """By the report's place: the payload, and monotonic seconds when it was last looked at."""

    def send(self, delivery: Delivery, *, at_last: bool = False) -> None:
        """Send those that have changed, as far as the broker takes more for now.

        Args:
            delivery: over which.
            at_last: there will be no other time, so that none waits for its own.
        """
        for place, report in enumerate(self._reports):
            if delivery.is_full():
                return
            before, looked = self._sent.get(place, (None, float("-inf")))
            if time.monotonic() - looked < report.every and not at_last:
                continue
            payload = before
            try:
                publication = report.read()
            except Exception:
                # Alerts must not wait for a fault in the program, nor the log fill with it.
                if place not in self._failed:
                    log.exception("a report could not be made")
                self._failed.add(place)
            else:
                if publication is not None and publication.payload != before:
                    payload = publication.payload
                    delivery.publish(publication)
            self._sent[place] = (payload, time.monotonic())
