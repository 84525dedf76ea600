"""What the outbox keeps in its SQLite file, and how it is written without wearing the card."""

import logging
import sqlite3
from collections.abc import Container, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from edge.alerting.alerts import Alert
from edge.alerting.sqlite_file import Layout, cannot_open, is_damage, move_aside, open_alone
from edge.errors import MaskGateError

LAYOUT = Layout(
    application_id=0x4D534B47,  # "MSKG"
    version=1,
    tables="""
        CREATE TABLE waiting (
            sequence INTEGER PRIMARY KEY, alert BLOB NOT NULL, monotonic REAL NOT NULL
        );
        CREATE TABLE open (violation TEXT PRIMARY KEY, alert BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE counter (dropped INTEGER NOT NULL);
        INSERT INTO counter VALUES (0);
    """,
)
_ALERT = TypeAdapter(Alert)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """An alert in the outbox."""

    sequence: int
    """Alerts are sent in this order."""
    alert: Alert
    monotonic: float
    """Monotonic seconds when it was added; means nothing to a later process."""


class OutboxFile:
    """Reads and writes the file; for one thread at a time.

    What goes wrong once it is open is raised as sqlite3 raises it: OperationalError for what may
    pass (a full disk, a card gone read-only), plain DatabaseError for damage.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or begin it; one that is damaged or has other columns is moved aside.

        Raises:
            MaskGateError: it cannot be written, is held by another process, or is no outbox.
        """
        self.path = path
        self.count = 0
        """Alerts in the file."""
        self.dropped = 0
        """Alerts lost since the file was begun."""
        self._db: sqlite3.Connection | None = None
        try:
            self._open_or_begin_afresh()
        except (OSError, sqlite3.Error) as error:
            raise MaskGateError(cannot_open("outbox", path, error)) from error

    def last_sequence(self) -> int:
        """The newest alert's sequence number; 0 when there is none."""
        found = self._connection().execute("SELECT max(sequence) FROM waiting").fetchone()[0]
        return int(found or 0)

    def after(
        self, sequence: int, limit: int, skip: Container[int]
    ) -> list[tuple[int, Row | None]]:
        """The oldest alerts after a sequence number, in order; None for one that is unreadable."""
        found: list[tuple[int, Row | None]] = []
        cursor = self._connection().execute(
            "SELECT sequence, alert, monotonic FROM waiting WHERE sequence > ? ORDER BY sequence",
            (sequence,),
        )
        with closing(cursor):
            for number, content, monotonic in cursor:
                if len(found) == limit:
                    break
                if number not in skip:
                    alert = self._read(content)
                    row = Row(number, alert, monotonic) if alert else None
                    found.append((number, row))
        return found

    def open_violations(self) -> list[Alert]:
        """The opening alerts of the violations that were not closed yet."""
        contents = self._connection().execute("SELECT alert FROM open").fetchall()
        alerts = [alert for (content,) in contents if (alert := self._read(content))]
        return sorted(alerts, key=lambda alert: (alert.first_seen, alert.violation))

    def write(self, add: Iterable[Row], remove: Iterable[int], keep: int, dropped: int) -> None:
        """Add and remove alerts in one transaction.

        Args:
            add: in order; they survive a power cut once this returns.
            remove: sequence numbers; a power cut may bring them back.
            keep: of more alerts than this, the oldest go.
            dropped: alerts lost before; the oldest that go now are added to it.
        """
        add = list(add)
        db = self._connection()
        # Every sync wears the card: only what must not be lost is worth one.
        db.execute(f"PRAGMA synchronous = {'FULL' if add else 'NORMAL'}")
        try:
            db.execute("BEGIN IMMEDIATE")
            count = self.count + len(add)
            for row in add:
                self._insert(db, row)
            for number in remove:
                count -= db.execute("DELETE FROM waiting WHERE sequence = ?", (number,)).rowcount
            surplus = max(0, count - keep)
            if surplus:
                db.execute(
                    "DELETE FROM waiting WHERE sequence IN "
                    "(SELECT sequence FROM waiting ORDER BY sequence LIMIT ?)",
                    (surplus,),
                )
                dropped += surplus
            if dropped != self.dropped:
                db.execute("UPDATE counter SET dropped = ?", (dropped,))
            db.execute("COMMIT")
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        self.count = count - surplus
        self.dropped = dropped

    def begin_afresh(self, reason: sqlite3.Error) -> None:
        """Move the file aside, which is of no use for that reason, and begin an empty one.

        Raises:
            OSError, sqlite3.Error: that is not possible now; the next use tries again.
        """
        self.close()
        aside = move_aside(self.path)
        self.count = 0
        log.warning(
            "outbox %s cannot be used (%s): moved aside as %s, which keeps its alerts; a fresh one "
            "is begun",
            self.path,
            reason,
            aside,
        )
        self._connection()

    def close(self) -> None:
        """Close the file; another process may have it then."""
        if self._db is not None:
            db, self._db = self._db, None
            db.close()

    def _open_or_begin_afresh(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._connection()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self.begin_afresh(error)

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = open_alone("outbox", self.path, LAYOUT)
            self.count = self._db.execute("SELECT count(*) FROM waiting").fetchone()[0]
            self.dropped = self._db.execute("SELECT dropped FROM counter").fetchone()[0]
        return self._db

    def _insert(self, db: sqlite3.Connection, row: Row) -> None:
        content = _ALERT.dump_json(row.alert)
        violation = str(row.alert.violation)
        db.execute("INSERT INTO waiting VALUES (?, ?, ?)", (row.sequence, content, row.monotonic))
        if row.alert.state == "opened":
            db.execute("INSERT OR REPLACE INTO open VALUES (?, ?)", (violation, content))
        else:
            db.execute("DELETE FROM open WHERE violation = ?", (violation,))

    def _read(self, content: bytes) -> Alert | None:
        try:
            return _ALERT.validate_json(content)
        except ValidationError as error:
            log.error("outbox %s holds an alert that cannot be read: %s", self.path, error)
            return None
