"""The outbox: alerts wait here, on disk and in order, until the broker has them."""

import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from edge.alerting.alerts import Alert, close_left_open, put_right
from edge.alerting.disk_trouble import DiskTrouble
from edge.alerting.losses import Loss, Losses
from edge.alerting.outbox_file import OutboxFile, Row
from edge.alerting.sqlite_file import cannot_open, is_damage, may_pass
from edge.clock import Clock
from edge.config import Outbox as OutboxSettings
from edge.errors import MaskGateError

MEMORY_ALERTS = 1_000
"""Alerts kept in memory while the disk takes none; then the oldest of them go."""
OVERTAKE_SECONDS = 60.0
"""When the file cannot be read for so long, newer alerts no longer wait for those in it."""
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

    Times of alerts that were decided before the clock could be trusted are put right as soon as it
    can; alerts that were lost are counted, and told to the subscriber.
    """

    def __init__(self, settings: OutboxSettings, clock: Clock | None = None) -> None:
        """Open the outbox, or begin it; on a disk that is full or out of order, in memory.

        Args:
            settings: where it is, and how much it may hold.
            clock: the device's when None.

        Raises:
            MaskGateError: the file cannot be written, or another process is using it.
        """
        self._file = OutboxFile(settings.path or default_path())
        self._settings = settings
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._unsaved: deque[Row] = deque()
        """Not on disk yet, newer than all that is."""
        self._acknowledged: set[int] = set()
        """The broker has them, the file does not know yet."""
        self._losses = Losses()
        self._last = 0
        """The newest alert's sequence number."""
        self._begun = False
        """Whether the file was opened, be it later than at the start."""
        self._disk = DiskTrouble(self._file.path)
        self._overflows = False
        self._closed = False
        try:
            self._begin()
        except (OSError, sqlite3.Error) as error:
            if not may_pass(error):
                raise MaskGateError(cannot_open("outbox", self._file.path, error)) from error
            self._disk.note(error)
        else:
            self._write_if_needed()

    @property
    def dropped(self) -> int:
        """Alerts lost because too many waited or the disk failed, over all processes."""
        return self._losses.total

    @property
    def trouble(self) -> str | None:
        """Why alerts wait in memory, where a power cut would lose them; None when all is well."""
        return self._disk.reason

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

    def waiting(self, limit: int = 1, skip: Collection[int] = ()) -> list[Row]:
        """The oldest alerts, in order.

        Args:
            limit: at most so many.
            skip: sequence numbers of alerts that are not asked for.
        """
        with self._lock:
            self._learn_the_time()
            rows: list[Row] = []
            if self._begun and self._file.count:
                try:
                    rows = self._saved(limit, {*skip, *self._acknowledged})
                except _TROUBLE as error:
                    self._disk.note(error)
                    # Those in memory are newer: sent now, they would overtake those in the file.
                    if self._disk.lasts() < OVERTAKE_SECONDS:
                        return []
            unsaved = [
                self._put_right(row)
                for row in self._unsaved
                if row.sequence not in skip and row.sequence not in self._acknowledged
            ]
            return [*rows, *unsaved][:limit]

    def remove(self, sequences: Iterable[int]) -> None:
        """Forget alerts that the broker has acknowledged."""
        with self._lock:
            self._acknowledged.update(sequences)
            self._write()

    def loss(self) -> Loss | None:
        """What the subscriber must be told of next: alerts that will never come."""
        with self._lock:
            self._losses = self._losses.offered()
            return self._losses.untold[0] if self._losses.untold else None

    def told(self, loss: Loss) -> None:
        """Note that the broker has acknowledged what was lost."""
        with self._lock:
            self._losses = self._losses.told(loss)
            self._write()

    def age(self, row: Row) -> float:
        """Seconds since an alert was added; infinite if that was before the device was started."""
        if row.boot != self._clock.boot:
            return float("inf")
        return max(0.0, time.monotonic() - row.monotonic)

    def retry(self) -> None:
        """Write what waits in memory and what became known, if it is time for it."""
        with self._lock:
            self._learn_the_time()
            self._write_if_needed()

    def close(self) -> None:
        """Write what can be written and let another process have the file."""
        with self._lock:
            if self._closed:
                return
            self._disk.try_at_once()
            self._write_if_needed()
            lost = sum(row.sequence not in self._acknowledged for row in self._unsaved)
            if lost:
                log.error("outbox %s: %d alerts in memory are lost", self._file.path, lost)
            self._file.close()
            self._closed = True

    def _begin(self) -> None:
        """Open the file, and go on from what is in it; what is in memory already is newer."""
        self._file.open()
        if self._last:
            self._file.number_below_one()
        else:
            self._last = self._file.last_sequence()
        left = self._file.open_violations()
        self._losses = self._file.losses.and_then(self._losses)
        self._begun = True
        self._learn_the_time()
        now = self._clock.read()
        for opened, boot in left:
            self._append(close_left_open(opened, now, same_boot=boot == self._clock.boot))
        if left:
            log.warning("closing %d violations that an earlier run left open", len(left))

    def _append(self, alert: Alert) -> None:
        self._last += 1
        self._unsaved.append(Row(self._last, alert, time.monotonic(), self._clock.boot))

    def _learn_the_time(self) -> None:
        """Note when this boot began, once the clock can be trusted."""
        if self._clock.boot not in self._file.began:
            now = self._clock.read()
            if now.trust == "trusted":
                self._file.began[self._clock.boot] = now.began

    def _put_right(self, row: Row) -> Row:
        began = self._file.began.get(row.boot)
        return row if began is None else replace(row, alert=put_right(row.alert, began))

    def _saved(self, limit: int, skip: Collection[int]) -> list[Row]:
        found = self._on_file(lambda: self._file.oldest(limit, skip))
        unreadable = [number for number, row in found if row is None]
        self._losses = self._losses.plus([None] * len(unreadable))
        self._acknowledged.update(unreadable)
        return [row for _, row in found if row is not None]

    def _write_if_needed(self) -> None:
        if self._disk.reason is not None or self._unsaved or self._file.has_news:
            self._write()

    def _write(self) -> None:
        """Bring the file up to date, or keep in memory what it does not take."""
        if not self._disk.may_be_tried():
            self._bound_memory()
            return
        known = self._losses.total
        try:
            self._on_file(
                lambda: self._file.write(
                    self._unsaved, self._acknowledged, self._settings, self._losses
                )
            )
        except _TROUBLE as error:
            self._disk.note(error)
            self._bound_memory()
            return
        self._unsaved.clear()
        self._acknowledged.clear()
        self._losses = self._file.losses
        self._disk.is_over()
        self._tell_overflow(self._losses.total - known)

    def _on_file(self, work: Callable[[], T]) -> T:
        """Do something with the file; if it turns out damaged, with a fresh one."""
        if self._closed:
            raise ValueError(f"outbox {self._file.path} is closed")
        try:
            if not self._begun:
                self._begin()
            return work()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            held = self._file.count
            try:
                self._file.begin_afresh(error)
            finally:
                self._losses = self._losses.plus([None] * (held - self._file.count))
        return work()

    def _bound_memory(self) -> None:
        surplus = [self._unsaved.popleft() for _ in range(len(self._unsaved) - MEMORY_ALERTS)]
        lost = [
            self._put_right(row).alert for row in surplus if row.sequence not in self._acknowledged
        ]
        self._acknowledged.difference_update(row.sequence for row in surplus)
        self._losses = self._losses.plus(lost)
        self._tell_overflow(len(lost))

    def _tell_overflow(self, surplus: int) -> None:
        if surplus > 0 and not self._overflows:
            log.error(
                "outbox %s: full, from now on each new alert drops the oldest (dropped so far: %d)",
                self._file.path,
                self._losses.total,
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
