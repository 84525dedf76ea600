"""Keeps the day's counts, over restarts and midnights, with few writes."""

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from pydantic import NonNegativeInt, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from edge.alerting.alerts import Alert
from edge.people.counts import Counts
from edge.writing import replacing

FILE = "counts.json"
"""Lies beside the outbox."""
WRITE_EVERY = 60.0
"""Seconds between two writes: what a power cut may lose, against the card's wear."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Written:
    day: date
    masked: NonNegativeInt
    unmasked: NonNegativeInt
    unsure: NonNegativeInt


_FORM = TypeAdapter(_Written)


class DayCounts:
    """The counts of today; for any thread."""

    def __init__(self, folder: Path, *, clock_trusted: Callable[[], bool] = lambda: True) -> None:
        """Go on from what an earlier run counted on the same day.

        Args:
            folder: where the device keeps what it remembers.
            clock_trusted: whether the clock was set by somebody who knows the time. Until then a
                day that is over may seem to be here again.
        """
        self._path = folder / FILE
        self._clock_trusted = clock_trusted
        self._lock = threading.Lock()
        self._open: set[UUID] = set()
        self._failing = False
        self._written = self._read()
        self._counts = self._written or Counts(_today())
        self._next_write = time.monotonic()

    @property
    def open_violations(self) -> int:
        """Violations that are open now."""
        with self._lock:
            return len(self._open)

    def today(self) -> Counts:
        """The counts as of now; they begin anew at midnight."""
        with self._lock:
            self._turn_the_page()
            self._write(late=True)
            return self._counts

    def person(self, *, violates: bool | None) -> None:
        """Count somebody who has left.

        Args:
            violates: whether the verdict on them is a violation; None where there is no verdict.
        """
        kind = {None: "unsure", True: "unmasked", False: "masked"}[violates]
        with self._lock:
            self._turn_the_page()
            self._counts = replace(self._counts, **{kind: getattr(self._counts, kind) + 1})
            self._write(late=True)

    def alert(self, alert: Alert) -> None:
        """Take note of a violation that opens or closes."""
        with self._lock:
            if alert.state == "opened":
                self._open.add(alert.violation)
            else:
                self._open.discard(alert.violation)

    def close(self) -> None:
        """Write what is not written yet."""
        with self._lock:
            self._write(late=False)

    def _turn_the_page(self) -> None:
        today = _today()
        # Before the network has set it, a clock without a battery shows a day that is over.
        if today > self._counts.day or (today != self._counts.day and self._clock_trusted()):
            self._counts = Counts(today)

    def _write(self, *, late: bool) -> None:
        if self._counts == (self._written or Counts(self._counts.day)):
            return
        if late and time.monotonic() < self._next_write:
            return
        self._next_write = time.monotonic() + WRITE_EVERY
        content = {**asdict(self._counts), "day": self._counts.day.isoformat()}
        try:
            with replacing(self._path) as file:
                file.write(json.dumps(content).encode())
        except OSError as error:
            if not self._failing:
                log.error("counts %s: cannot be written (%s)", self._path, error.strerror)
            self._failing = True
        else:
            self._failing = False
            self._written = self._counts

    def _read(self) -> Counts | None:
        try:
            found = _FORM.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is damaged"
            log.warning("counts %s: cannot be read (%s); today begins at 0", self._path, reason)
            return None
        return Counts(found.day, found.masked, found.unmasked, found.unsure)


def _today() -> date:
    return datetime.now().astimezone().date()
