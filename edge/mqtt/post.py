"""Messages that go out once, when there is a connection, and are not worth keeping for long."""

import threading
import time
from collections import deque
from dataclasses import dataclass

from edge.mqtt.message import Publication

MOST = 32
"""Messages that may wait; then the oldest go."""
MOST_BYTES = 4_000_000
"""The same for the bytes of all of them."""
PATIENCE = 60
"""Seconds that a message waits for a connection, if it does not say itself when it is stale."""


@dataclass(frozen=True, slots=True)
class _Letter:
    publication: Publication
    due: float
    stale: float
    """Both in monotonic seconds."""


class Post:
    """Answers and pictures between whoever has them and the publisher; for any thread."""

    def __init__(self) -> None:
        self.dropped = 0
        """Messages that were never sent: too many waited, or there was no connection for long."""
        self._waiting: deque[_Letter] = deque()
        self._lock = threading.Lock()

    def put(self, publication: Publication, after: float = 0.0) -> None:
        """Have a message sent.

        Args:
            publication: the message.
            after: seconds to wait before.
        """
        due = time.monotonic() + after
        patience = publication.expires_after or PATIENCE
        with self._lock:
            self._waiting.append(_Letter(publication, due, due + patience))
            while len(self._waiting) > MOST or (
                len(self._waiting) > 1
                and sum(letter.publication.size for letter in self._waiting) > MOST_BYTES
            ):
                self._waiting.popleft()
                self.dropped += 1

    def take(self) -> Publication | None:
        """The oldest message that is due, if any; it is no longer kept here."""
        now = time.monotonic()
        with self._lock:
            fresh = [letter for letter in self._waiting if letter.stale > now]
            self.dropped += len(self._waiting) - len(fresh)
            self._waiting = deque(fresh)
            for letter in fresh:
                if letter.due <= now:
                    self._waiting.remove(letter)
                    return letter.publication
        return None
