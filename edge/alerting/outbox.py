"""The outbox: alerts wait here, on disk and in order, until the broker has them."""

import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from edge.alerting.alerts import Alert
from edge.alerting.outbox_file import OutboxFile, Row
from edge.alerting.sqlite_file import is_damage, is_of_the_disk
from edge.config import Outbox as OutboxSettings
from edge.errors import MaskGateError

MEMORY_ALERTS = 1_000
"""Alerts kept in memory while the disk takes none; then the oldest of them go."""
RETRY_SECONDS = 5.0
"""Pause before the disk is tried again, where no new alert asks for it sooner."""
_TROUBLE = (OSError, sqlite3.Error, MaskGateError)
"""What using the file may raise once the outbox is open."""
T = TypeVar("T")
log = logging.getLogger(__name__)


class Outbox:
    """Alerts between the decision and the broker.

    Any thread may call any method. An alert is on disk when `add` returns; where the disk takes
    none (it is full, it has gone read-only) the alert waits in memory, which is logged, and is
    written as soon as that is possible again. A violation that an earlier process opened and
    never closed is closed here, once, when the outbox is opened.
    """

    def __init__(self, settings: OutboxSettings) -> None:
        """Open the outbox, or begin it.

        Raises:
            MaskGateError: the file cannot be written, or another process is using it.
        """
        self._file = OutboxFile(settings.path or default_path())
        self._keep = settings.max_alerts
        self._lock = threading.Lock()
        self._unsaved: deque[Row] = deque()
        """Not on disk yet, newer than all that is."""
        self._acknowledged: set[int] = set()
        """The broker has them, the file does not know yet."""
        self._failing: str | None = None
        self._next_try = 0.0
        self._overflows = False
        self._closed = False
        self._last = self._began = self._file.last_sequence()
        self._dropped = self._file.dropped
        self._close_left_open()

    @property
    def dropped(self) -> int:
        """Alerts lost because too many waited or the disk failed, over all processes."""
        return self._dropped

    def __len__(self) -> int:
        """How many alerts wait."""
        with self._lock:
            gone = len(self._acknowledged)
            return max(0, self._file.count + len(self._unsaved) - gone)

    def add(self, alert: Alert) -> None:
        """Put an alert at the end; never fails, see the class for a disk that does."""
        with self._lock:
            self._append(alert)
            self._write()

    def waiting(self, after: int = 0, limit: int = 1) -> list[Row]:
        """The oldest alerts after a sequence number, in order, at most `limit`."""
        with self._lock:
            try:
                rows = self._saved_after(after, limit)
            except _TROUBLE as error:
                # Those in memory are newer: sent now, they would overtake those in the file.
                self._failed(error)
                return []
            unsaved = (
                row
                for row in self._unsaved
                if row.sequence > after and row.sequence not in self._acknowledged
            )
            return [*rows, *unsaved][:limit]

    def remove(self, sequences: Iterable[int]) -> None:
        """Forget alerts that the broker has acknowledged."""
        with self._lock:
            self._acknowledged.update(sequences)
            self._write()

    def age(self, row: Row) -> float:
        """Seconds since an alert was added; infinite if an earlier process did it."""
        return float("inf") if row.sequence <= self._began else time.monotonic() - row.monotonic

    def retry(self) -> None:
        """Write what waits in memory, if it is time for another try."""
        with self._lock:
            if self._failing is not None and time.monotonic() >= self._next_try:
                self._write()

    def close(self) -> None:
        """Write what can be written and let another process have the file."""
        with self._lock:
            if self._closed:
                return
            if self._failing is not None:
                self._write()
            lost = sum(row.sequence not in self._acknowledged for row in self._unsaved)
            if lost:
                log.error("outbox %s: %d alerts in memory are lost", self._file.path, lost)
            self._file.close()
            self._closed = True

    def _close_left_open(self) -> None:
        left = self._file.open_violations()
        now = time.time()
        for alert in left:
            self._append(replace(alert, state="closed", decided=now, reason="restarted"))
        if left:
            log.warning("closing %d violations that an earlier run left open", len(left))
            self._write()

    def _append(self, alert: Alert) -> None:
        self._last += 1
        self._unsaved.append(Row(self._last, alert, time.monotonic()))

    def _saved_after(self, after: int, limit: int) -> list[Row]:
        found = self._on_file(lambda: self._file.after(after, limit, self._acknowledged))
        unreadable = {number for number, row in found if row is None}
        self._dropped += len(unreadable)
        self._acknowledged |= unreadable
        return [row for _, row in found if row is not None]

    def _write(self) -> None:
        """Bring the file up to date, or keep in memory what it does not take."""
        try:
            self._on_file(
                lambda: self._file.write(
                    self._unsaved, self._acknowledged, self._keep, self._dropped
                )
            )
        except _TROUBLE as error:
            self._failed(error)
            self._bound_memory()
            return
        self._unsaved.clear()
        self._acknowledged.clear()
        if self._failing is not None:
            log.warning("outbox %s: can be used again", self._file.path)
            self._failing = None
        surplus = self._file.dropped - self._dropped
        self._dropped += surplus
        self._tell_overflow(surplus)

    def _on_file(self, work: Callable[[], T]) -> T:
        """Do something with the file; if it turns out damaged, with a fresh one."""
        if self._closed:
            raise ValueError(f"outbox {self._file.path} is closed")
        try:
            return work()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            held = self._file.count
            try:
                self._file.begin_afresh(error)
            finally:
                self._dropped += held - self._file.count
        return work()

    def _failed(self, error: Exception) -> None:
        self._next_try = time.monotonic() + RETRY_SECONDS
        if self._failing != str(error):
            self._failing = str(error)
            log.error(
                "outbox %s: cannot be used (%s); alerts wait in memory, where a power cut "
                "would lose them: %s",
                self._file.path,
                error,
                "free some space or replace the card"
                if is_of_the_disk(error)
                else "set outbox.path to another file",
            )

    def _bound_memory(self) -> None:
        surplus = len(self._unsaved) - MEMORY_ALERTS
        for _ in range(surplus):
            row = self._unsaved.popleft()
            if row.sequence in self._acknowledged:
                self._acknowledged.remove(row.sequence)
            else:
                self._dropped += 1
        self._tell_overflow(surplus)

    def _tell_overflow(self, surplus: int) -> None:
        if surplus > 0 and not self._overflows:
            log.error(
                "outbox %s: full, from now on each new alert drops the oldest (dropped so far: %d)",
                self._file.path,
                self._dropped,
            )
        self._overflows = surplus > 0


def state_folder(settings: OutboxSettings) -> Path:
    """Where this device keeps what it remembers: the outbox's folder, for there it may write.

    Raises:
        MaskGateError: the user has no home folder, and the settings name no outbox.
    """
    return (settings.path or default_path()).parent


def default_path() -> Path:
    """Where the outbox is kept when the settings name no file.

    Raises:
        MaskGateError: the user has no home folder.
    """
    state = os.environ.get("XDG_STATE_HOME", "")
    try:
        # The XDG specification has relative paths ignored.
        folder = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise MaskGateError(
            "outbox: no place to keep it, this user has no home folder; set outbox.path"
        ) from error
    return folder / "maskgate" / "outbox.sqlite"
