"""What can still be read of a damaged outbox."""

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

_BESIDE = "-wal", "-shm", "-journal"
"""Ends of the names of the files that SQLite puts beside another."""
_HEADER = 100
"""Bytes of a file's header."""
_LARGEST = 1 << 31
"""Bytes that a damaged header may make us fill up to; the gap takes no room."""
Row = TypeVar("Row", bound=tuple[object, ...])
log = logging.getLogger(__name__)


class Waiting(NamedTuple):
    """A row of the table with the same name."""

    sequence: int
    alert: bytes
    monotonic: float
    boot: str


class Open(NamedTuple):
    """A row of the table with the same name."""

    violation: str
    alert: bytes
    boot: str


class Boot(NamedTuple):
    """A row of the table with the same name."""

    id: str
    began: float


class Counter(NamedTuple):
    """The row of the table with the same name."""

    dropped: int
    untold: bytes | None


@dataclass(slots=True)
class Rescued:
    """Rows that are as the tables want them; some may be there twice."""

    waiting: list[Waiting] = field(default_factory=list)
    open: list[Open] = field(default_factory=list)
    boots: list[Boot] = field(default_factory=list)
    counter: list[Counter] = field(default_factory=list)


def rescue(path: Path) -> Rescued:
    """Read what there is, up to the damage from the beginning, and up to it from the end.

    Args:
        path: of the file, which is not changed, nor is its log.
    """
    found = Rescued()
    copy = path.with_name(f"{path.name}.copy")
    try:
        # A file that is no database at all gives an error with the first statement.
        with suppress(sqlite3.Error), closing(sqlite3.connect(_copied(path, copy))) as db:
            for order in ("sequence", "sequence DESC"):
                found.waiting += _rows(db, f"waiting ORDER BY {order}", Waiting)
            found.open += _rows(db, "open", Open)
            found.boots += _rows(db, "boot", Boot)
            found.counter += _rows(db, "counter", Counter)
    except OSError as error:
        log.error("outbox %s: nothing can be read of it (%s)", path, error.strerror)
    finally:
        for suffix in ("", *_BESIDE):
            copy.with_name(copy.name + suffix).unlink(missing_ok=True)
    return found


def _copied(path: Path, copy: Path) -> Path:
    """Copy a file and its log, and fill up what was cut off: SQLite reads nothing else."""
    for suffix in ("", "-wal"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            shutil.copyfile(part, copy.with_name(copy.name + suffix))
    with copy.open("r+b") as file:
        header = file.read(_HEADER)
        # Bytes of a page, and number of pages (https://www.sqlite.org/fileformat.html, 1.3).
        side, pages = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
        length = min(side * pages, _LARGEST)
        if length > file.seek(0, os.SEEK_END):
            file.truncate(length)
    return copy


def _rows(db: sqlite3.Connection, table: str, kind: type[Row]) -> Iterator[Row]:
    """Rows of a table until one cannot be read, without those of other types than expected."""
    columns = kind.__annotations__
    try:
        for row in db.execute(f"SELECT {', '.join(columns)} FROM {table}"):  # noqa: S608 - ours
            # SQLite takes any type in any column, and so does damage.
            if all(map(isinstance, row, columns.values())):
                yield kind(*row)
    except sqlite3.Error as error:
        log.debug("%s: %s", table, error)
