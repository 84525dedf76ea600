"""What the outbox keeps in its SQLite file, and how it is written without wearing the card."""

import logging
import sqlite3
from collections.abc import Container, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from edge.alerting.alerts import Alert, put_right
from edge.alerting.losses import Loss, Losses
from edge.alerting.rescue import Rescued, rescue
from edge.alerting.sqlite_file import Layout, is_damage, move_aside, open_alone
from edge.config import Outbox as OutboxSettings

LAYOUT = Layout(
    application_id=0x4D534B47,  # "MSKG"
    version=2,
    tables="""
        CREATE TABLE waiting (
            sequence INTEGER PRIMARY KEY, alert BLOB NOT NULL, monotonic REAL NOT NULL,
            boot TEXT NOT NULL DEFAULT ''
        );
        CREATE TABLE open (
            violation TEXT PRIMARY KEY, alert BLOB NOT NULL, boot TEXT NOT NULL DEFAULT ''
        ) WITHOUT ROWID;
        CREATE TABLE counter (dropped INTEGER NOT NULL, untold BLOB);
        CREATE TABLE boot (id TEXT PRIMARY KEY, began REAL NOT NULL) WITHOUT ROWID;
        INSERT INTO counter VALUES (0, NULL);
    """,
    upgrades={
        1: """
            ALTER TABLE waiting ADD COLUMN boot TEXT NOT NULL DEFAULT '';
            ALTER TABLE open ADD COLUMN boot TEXT NOT NULL DEFAULT '';
            ALTER TABLE counter ADD COLUMN untold BLOB;
            CREATE TABLE boot (id TEXT PRIMARY KEY, began REAL NOT NULL) WITHOUT ROWID;
        """
    },
)
_ALERT = TypeAdapter(Alert)
_LOSSES = TypeAdapter(tuple[Loss, ...])
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """An alert in the outbox."""

    sequence: int
    """Alerts are sent in this order."""
    alert: Alert
    monotonic: float
    """Monotonic seconds when it was added; mean something in the same boot only."""
    boot: str
    """Names the boot in which it was added."""


class OutboxFile:
    """Reads and writes the file; for one thread at a time.

    What goes wrong is raised as sqlite3 raises it: OperationalError for what may pass (a full
    disk, a card gone read-only), plain DatabaseError for damage.
    """

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is opened yet."""
        self.path = path
        self.count = 0
        """Alerts in the file."""
        self.bytes = 0
        """Bytes that these alerts take, less what SQLite adds."""
        self.losses = Losses()
        """What was lost since the file was begun."""
        self.began: dict[str, float] = {}
        """By boot, when its monotonic clock was zero, by a wall clock that could be trusted."""
        self._saved_boots: set[str] = set()
        self._db: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file, or begin it; one that is damaged or has other columns is moved aside.

        Raises:
            MaskGateError: it is no outbox, or another version's.
            OSError, sqlite3.Error: it cannot be used, or another process holds it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._connection()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self.begin_afresh(error)

    @property
    def has_news(self) -> bool:
        """Whether it became known when a boot began, and the file does not say so yet."""
        return bool(self.began.keys() - self._saved_boots)

    def last_sequence(self) -> int:
        """The newest alert's sequence number; 0 when there is none."""
        found = self._connection().execute("SELECT max(sequence) FROM waiting").fetchone()[0]
        return int(found or 0)

    def number_below_one(self) -> None:
        """Give all alerts numbers below 1, in the same order."""
        by = self.last_sequence()
        if by > 0:
            self._connection().execute("UPDATE waiting SET sequence = sequence - ?", (by,))

    def oldest(self, limit: int, skip: Container[int]) -> list[tuple[int, Row | None]]:
        """The oldest alerts but some, in order; None for one that is unreadable.

        Args:
            limit: at most so many.
            skip: sequence numbers.
        """
        found: list[tuple[int, Row | None]] = []
        cursor = self._connection().execute(
            "SELECT sequence, alert, monotonic, boot FROM waiting ORDER BY sequence"
        )
        with closing(cursor):
            for number, content, monotonic, boot in cursor:
                if len(found) == limit:
                    break
                if number not in skip:
                    alert = self._read(content, boot)
                    row = Row(number, alert, monotonic, boot) if alert else None
                    found.append((number, row))
        return found

    def open_violations(self) -> list[tuple[Alert, str]]:
        """The opening alerts of the violations that were not closed yet, and their boots."""
        contents = self._connection().execute("SELECT alert, boot FROM open").fetchall()
        found = [
            (alert, boot) for content, boot in contents if (alert := self._read(content, boot))
        ]
        return sorted(found, key=lambda each: (each[0].first_seen, each[0].violation))

    def write(
        self, add: Iterable[Row], remove: Iterable[int], bound: OutboxSettings, losses: Losses
    ) -> None:
        """Add and remove alerts in one transaction.

        Args:
            add: in order; they survive a power cut once this returns.
            remove: sequence numbers; a power cut may bring them back.
            bound: of more alerts or bytes than this, the oldest go.
            losses: what was lost before; the oldest that go now are added to it.
        """
        add = list(add)
        db = self._connection()
        # Every sync wears the card: only what must not be lost is worth one.
        db.execute(f"PRAGMA synchronous = {'FULL' if add else 'NORMAL'}")
        before = self.count, self.bytes
        try:
            db.execute("BEGIN IMMEDIATE")
            for row in add:
                self._insert(db, row)
            for number in remove:
                self._delete(db, number)
            losses = losses.plus(self._drop_surplus(db, bound))
            if losses != self.losses:
                untold = _LOSSES.dump_json(losses.untold) if losses.untold else None
                db.execute("UPDATE counter SET dropped = ?, untold = ?", (losses.total, untold))
            self._save_boots(db)
            db.execute("COMMIT")
        except sqlite3.Error:
            self.count, self.bytes = before
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        self.losses = losses
        self._saved_boots = set(self.began)

    def begin_afresh(self, reason: sqlite3.Error) -> None:
        """Move the file aside, which is of no use for that reason, and begin another.

        What can still be read of it is taken over.

        Raises:
            OSError, sqlite3.Error: that is not possible now; the next use tries again.
        """
        self.close()
        aside = move_aside(self.path)
        self.count = self.bytes = 0
        self._saved_boots.clear()
        self._connection()
        rescued = self._take_over(rescue(aside))
        log.error(
            "outbox %s cannot be used (%s): moved aside as %s; a fresh one is begun, with the %d "
            "waiting alerts that could still be read",
            self.path,
            reason,
            aside,
            rescued,
        )

    def _take_over(self, found: Rescued) -> int:
        """Write what was rescued into the fresh file, all or nothing; gives the alerts' number."""
        waiting = [row for row in found.waiting if self._read(row.alert, "")]
        db = self._connection()
        db.execute("BEGIN IMMEDIATE")
        try:
            db.executemany("INSERT OR IGNORE INTO waiting VALUES (?, ?, ?, ?)", waiting)
            db.executemany("INSERT OR IGNORE INTO open VALUES (?, ?, ?)", found.open)
            db.executemany("INSERT OR IGNORE INTO boot VALUES (?, ?)", found.boots)
            db.executemany("UPDATE counter SET dropped = ?, untold = ?", found.counter)
            db.execute("COMMIT")
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        # Opened again, it counts what is in it now.
        self.close()
        self._connection()
        return self.count

    def close(self) -> None:
        """Close the file; another process may have it then."""
        if self._db is not None:
            db, self._db = self._db, None
            db.close()

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            db = open_alone("outbox", self.path, LAYOUT)
            found = db.execute("SELECT count(*), total(length(alert)) FROM waiting").fetchone()
            self.count, self.bytes = found[0], int(found[1])
            total, untold = db.execute("SELECT dropped, untold FROM counter").fetchone()
            self.losses = Losses(total, self._untold(untold))
            boots = dict(db.execute("SELECT id, began FROM boot").fetchall())
            self.began = boots | self.began
            self._saved_boots = set(boots)
            self._db = db
        return self._db

    def _insert(self, db: sqlite3.Connection, row: Row) -> None:
        content = _ALERT.dump_json(row.alert)
        violation = str(row.alert.violation)
        db.execute(
            "INSERT INTO waiting VALUES (?, ?, ?, ?)",
            (row.sequence, content, row.monotonic, row.boot),
        )
        self.count += 1
        self.bytes += len(content)
        if row.alert.state == "opened":
            db.execute(
                "INSERT OR REPLACE INTO open VALUES (?, ?, ?)", (violation, content, row.boot)
            )
        else:
            db.execute("DELETE FROM open WHERE violation = ?", (violation,))

    def _delete(self, db: sqlite3.Connection, number: int) -> None:
        found = db.execute(
            "DELETE FROM waiting WHERE sequence = ? RETURNING length(alert)", (number,)
        ).fetchall()
        self.count -= len(found)
        self.bytes -= sum(length for (length,) in found)

    def _drop_surplus(self, db: sqlite3.Connection, bound: OutboxSettings) -> list[Alert | None]:
        """Delete the oldest alerts until the others are within the bound; returns them."""
        dropped: list[Alert | None] = []
        last = None
        cursor = db.execute("SELECT sequence, alert, boot FROM waiting ORDER BY sequence")
        with closing(cursor):
            while self.count > bound.max_alerts or self.bytes > bound.max_bytes:
                last, content, boot = cursor.fetchone()
                self.count -= 1
                self.bytes -= len(content)
                dropped.append(self._read(content, boot))
        if dropped:
            db.execute("DELETE FROM waiting WHERE sequence <= ?", (last,))
        return dropped

    def _save_boots(self, db: sqlite3.Connection) -> None:
        """Remember when boots began, where that became known, and forget what nobody needs."""
        new = self.began.keys() - self._saved_boots
        if not new:
            return
        db.execute(
            "DELETE FROM boot "
            "WHERE id NOT IN (SELECT boot FROM waiting UNION SELECT boot FROM open)"
        )
        known = [(boot, self.began[boot]) for boot in new]
        db.executemany("INSERT INTO boot VALUES (?, ?)", known)

    def _untold(self, content: bytes | None) -> tuple[Loss, ...]:
        """What the subscriber must still be told of; the first may have been sent."""
        try:
            untold = _LOSSES.validate_json(content or b"[]")
        except ValidationError as error:
            log.error("outbox %s: what it lost cannot be read: %s", self.path, error)
            return ()
        return tuple(replace(loss, sealed=not place) for place, loss in enumerate(untold))

    def _read(self, content: bytes, boot: str) -> Alert | None:
        """An alert, with times that can be trusted where that is possible by now."""
        try:
            alert = _ALERT.validate_json(content)
        except ValidationError as error:
            log.error("outbox %s holds an alert that cannot be read: %s", self.path, error)
            return None
        began = self.began.get(boot)
        return alert if began is None else put_right(alert, began)
