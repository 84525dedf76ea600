"""Opening a SQLite file that one process holds alone, and moving a damaged one aside."""

import errno
import os
import sqlite3
import stat
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from edge.errors import MaskGateError
from edge.writing import sync

KEPT_DAMAGED = 3
"""Damaged files kept for inspection; a dying card must not be filled with them."""
_HEADER = b"SQLite format 3\0"
"""What every SQLite file begins with (https://www.sqlite.org/fileformat.html, 1.3)."""
_MAY_PASS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
"""No space, the user's quota, a read-only file system, a card that fails."""
_CHUNK = 1 << 20
"""Bytes of a file looked at in one piece."""
_OF_THE_DISK = ("full", "disk I/O error", "readonly", "unable to open")
"""In SQLite's messages for what a card or its file system refuses; Python 3.10 has no codes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What tells one kind of file from another, and what a new one holds."""

    application_id: int
    """SQLite's mark of the program that a file belongs to."""
    version: int
    tables: str
    """The statements that make the tables."""
    upgrades: Mapping[int, str] = field(default_factory=dict)
    """By an earlier version, the statements that make its tables the next version's."""


def open_alone(what: str, path: Path, layout: Layout) -> sqlite3.Connection:
    """Open or begin a file that no other process can use until the connection ends.

    Args:
        what: the file's name in messages and its section in the settings, e.g. "outbox".
        path: of the file; its folder must exist.
        layout: what the file must hold.

    Returns:
        A connection in autocommit mode, for one thread at a time, with a write-ahead log.

    Raises:
        MaskGateError: the file is another program's or another version's.
        OSError, sqlite3.Error: it cannot be opened, is held by another process, is damaged, or
            has tables that this program cannot use.
    """
    is_new = not path.exists()
    # Made here, so that only this user can read what is in it.
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "rb") as file:
        if not _may_be_sqlite(file):
            raise MaskGateError(
                f"{what} {path}: is no {what}, it does not begin as a SQLite file does; set "
                f"{what}.path to another file"
            )
    db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        # EXCLUSIVE holds the lock until the connection ends, however the process ends, and keeps
        # the index of the log in memory, where a full disk cannot hurt it.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("BEGIN EXCLUSIVE")
        db.execute("COMMIT")
        if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            _begin(db, layout)
        _check(what, path, db, layout)
    except BaseException:
        db.close()
        raise
    if is_new:
        sync(path.parent)
    return db


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error means that the file is of no use, and not that it cannot be used now."""
    # SQLITE_CORRUPT and SQLITE_NOTADB come as the plain class, all that may pass as a subclass.
    return type(error) is sqlite3.DatabaseError


def is_of_the_disk(error: Exception) -> bool:
    """Whether the disk is at fault: it is full, has gone read-only, or fails."""
    if isinstance(error, sqlite3.Error):
        return any(part in str(error) for part in _OF_THE_DISK)
    return isinstance(error, OSError)


def may_pass(error: OSError | sqlite3.Error) -> bool:
    """Whether a file that cannot be opened may be had later: the disk is full or out of order."""
    if isinstance(error, OSError):
        return error.errno in _MAY_PASS
    return any(part in str(error) for part in ("full", "disk I/O error"))


def move_aside(path: Path) -> Path:
    """Rename a file of no use and its log to <name>.corrupt-<time>; the oldest such are deleted.

    Returns:
        The file's new path.
    """
    earlier = sorted(
        found
        for found in path.parent.iterdir()
        if found.name.startswith(f"{path.name}.corrupt-") and not found.name.endswith("-wal")
    )
    for old in earlier[: max(0, len(earlier) - KEPT_DAMAGED + 1)]:
        old.unlink()
        old.with_name(f"{old.name}-wal").unlink(missing_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.corrupt-{stamp}-{number}")
    for suffix in ("-wal", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def cannot_open(what: str, path: Path, error: OSError | sqlite3.Error) -> str:
    """The message for a file that could not be opened: what, why, and the way out."""
    if "locked" in str(error):
        return (
            f"{what} {path}: another process is using it; stop the other maskgate, or set "
            f"{what}.path to another file"
        )
    if isinstance(error, OSError):
        reason, full = error.strerror, error.errno in {errno.ENOSPC, errno.EDQUOT}
    else:
        reason, full = str(error), "full" in str(error)
    way_out = (
        "free some space" if full else f"set {what}.path to a file in a folder that can be written"
    )
    return f"{what} {path}: cannot be opened ({reason}); {way_out}"


def _begin(db: sqlite3.Connection, layout: Layout) -> None:
    db.executescript(
        f"BEGIN; {layout.tables} PRAGMA application_id = {layout.application_id}; "
        f"PRAGMA user_version = {layout.version}; COMMIT;"
    )


def _upgrade(db: sqlite3.Connection, layout: Layout) -> int:
    """Bring the tables of an earlier version up to date; returns the version that they have."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    while version in layout.upgrades:
        statements = layout.upgrades[version]
        version += 1
        db.executescript(f"BEGIN; {statements} PRAGMA user_version = {version}; COMMIT;")
    return version


def _check(what: str, path: Path, db: sqlite3.Connection, layout: Layout) -> None:
    if db.execute("PRAGMA application_id").fetchone()[0] != layout.application_id:
        raise MaskGateError(
            f"{what} {path}: it is another program's SQLite file; set {what}.path to another file"
        )
    version = _upgrade(db, layout)
    if version != layout.version:
        raise MaskGateError(
            f"{what} {path}: expected version {layout.version}, found {version}; use the MaskGate "
            f"that wrote it, or set {what}.path to another file"
        )
    finding = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if finding != "ok":
        raise sqlite3.DatabaseError(finding)
    with closing(sqlite3.connect(":memory:")) as wanted:
        _begin(wanted, layout)
        found = _columns(db)
        for table, columns in _columns(wanted).items():
            if found.get(table) != columns:
                raise sqlite3.DatabaseError(f"table {table} has other columns than expected")


def _columns(db: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Each table's columns: name, type, whether NULL is refused, place in the primary key."""
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {
        table: db.execute(
            'SELECT name, type, "notnull", pk FROM pragma_table_info(?)', (table,)
        ).fetchall()
        for (table,) in tables
    }


def _may_be_sqlite(file: BinaryIO) -> bool:
    """Whether it begins as SQLite's files do, or holds nothing: a power cut leaves zeros."""
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return False
    if file.read(len(_HEADER)) == _HEADER:
        return True
    file.seek(0)
    while chunk := file.read(_CHUNK):
        if any(chunk):
            return False
    return True
