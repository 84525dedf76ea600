"""A damaged outbox costs what cannot be read of it, and no more."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.outbox.alerts import Open, full_disk, numbers
from tests.samples import alert


@pytest.mark.parametrize(
    ("damage", "least"),
    [
        (lambda content: content[:16] + b"not a database\n" * len(content), 0),
        (lambda content: bytes(len(content)), 0),
        (lambda content: content[:100] + bytes(len(content) - 100), 0),
        (lambda content: content[: len(content) // 2 + 7], 60),
        # A page in the middle of the alerts.
        (lambda content: content[:40960] + bytes(4096) + content[45056:], 180),
        # The header's count of free pages; reading the alerts would not notice.
        (lambda content: content[:36] + b"\0\0\0\x63" + content[40:], 200),
    ],
    ids=["text", "all zeros", "zeros", "cut short", "a page", "header"],
)
def test_a_damaged_file_is_moved_aside_and_what_can_be_read_of_it_goes_on_waiting(
    path: Path,
    open_outbox: Open,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[bytes], bytes],
    least: int,
):
    outbox = open_outbox()
    for number in range(200):
        outbox.add(alert(number, "closed"))
    outbox.close()
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)

    outbox = open_outbox()
    outbox.add(alert(999))
    *rescued, newest = numbers(outbox)
    assert newest == 999
    assert least <= len(rescued) <= 200
    assert rescued == sorted(set(rescued))
    assert set(rescued) <= set(range(200))
    (aside,) = path.parent.glob("outbox.sqlite.corrupt-*")
    assert aside.read_bytes() == damaged
    assert str(aside) in caplog.text


def test_a_file_with_other_columns_is_moved_aside_with_its_alerts(
    path: Path, open_outbox: Open, caplog: pytest.LogCaptureFixture
):
    outbox = open_outbox()
    outbox.add(alert(1))
    outbox.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("ALTER TABLE waiting ADD COLUMN decided REAL")

    outbox = open_outbox()
    (aside,) = path.parent.glob("outbox.sqlite.corrupt-*")
    assert "table waiting has other columns" in caplog.text
    assert str(aside) in caplog.text
    outbox.add(alert(2))
    outbox.close()
    assert "lost" not in caplog.text
    with closing(sqlite3.connect(aside)) as db:
        assert db.execute("SELECT count(*) FROM waiting").fetchone() == (1,)
    # What was rescued comes first, and is there once.
    assert numbers(open_outbox())[:3] == [1, 1, 2]


def test_only_a_disk_at_fault_is_told_as_one(open_outbox: Open, caplog: pytest.LogCaptureFixture):
    outbox = open_outbox()
    with full_disk():
        outbox.add(alert(1))
    assert "free some space" in caplog.text
    outbox.retry()
    outbox.add(alert(2))
    caplog.clear()
    outbox._file._connection().execute("ALTER TABLE waiting ADD COLUMN decided REAL")
    outbox.add(alert(3))
    assert "5 columns" in caplog.text
    assert "free some space" not in caplog.text
    assert "set outbox.path" in caplog.text


def test_of_many_damaged_files_the_newest_stay(path: Path, open_outbox: Open):
    for _ in range(6):
        outbox = open_outbox()
        outbox.add(alert(1))
        outbox.close()
        path.write_bytes(bytes(6000))
    open_outbox()
    assert len(list(path.parent.glob("outbox.sqlite.corrupt-*"))) == 3


def test_a_file_damaged_while_in_use_costs_only_what_was_in_it(
    path: Path, open_outbox: Open, caplog: pytest.LogCaptureFixture
):
    outbox = open_outbox()
    outbox.add(alert(1))
    db = outbox._file._connection()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("PRAGMA cache_size = 0")
    path.write_bytes(path.read_bytes()[:100] + bytes(path.stat().st_size - 100))
    db.execute("PRAGMA shrink_memory")
    for number in range(2, 50):
        outbox.add(alert(number))
    assert numbers(outbox)[-1] == 49
    assert outbox.dropped + len(outbox) == 49
    assert "moved aside" in caplog.text


def test_an_alert_that_cannot_be_read_is_dropped_alone(
    path: Path, open_outbox: Open, caplog: pytest.LogCaptureFixture
):
    outbox = open_outbox()
    for number in (1, 2, 3):
        outbox.add(alert(number, "closed"))
    outbox.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE waiting SET alert = X'7BFF00' WHERE sequence = 2")
    outbox = open_outbox()
    assert numbers(outbox) == [1, 3]
    assert "cannot be read" in caplog.text
    outbox.remove([1])
    assert (len(outbox), outbox.dropped) == (1, 1)
