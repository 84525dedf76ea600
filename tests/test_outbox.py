"""Alerts on disk: in order, bounded, through crashes, damage and a full disk."""

import logging
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from edge.alerting import disk_trouble
from edge.alerting import outbox as outbox_module
from edge.alerting.outbox import Outbox, default_path
from edge.config import Outbox as OutboxSettings
from edge.errors import MaskGateError
from tests.samples import alert
from tests.waiting import said_until_killed


def numbers(outbox: Outbox, limit: int = 10_000) -> list[int]:
    return [row.alert.violation.int for row in outbox.waiting(limit=limit)]


Open = Callable[..., Outbox]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.sqlite"


@pytest.fixture
def open_outbox(path: Path) -> Iterator[Open]:
    opened = []

    def open_it(max_alerts: int = 100_000) -> Outbox:
        outbox = Outbox(OutboxSettings(path=path, max_alerts=max_alerts))
        opened.append(outbox)
        return outbox

    yield open_it
    for outbox in opened:
        outbox.close()


@pytest.fixture(autouse=True)
def disk_tried_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_trouble, "RETRY_SECONDS", 0.0)


@contextmanager
def full_disk(size: int = 0) -> Iterator[None]:
    """No file may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_alerts_come_out_as_they_went_in(open_outbox: Open):
    outbox = open_outbox()
    for number in range(1, 6):
        outbox.add(alert(number))
    rows = outbox.waiting(limit=3)
    assert [row.alert for row in rows] == [alert(1), alert(2), alert(3)]
    known = [row.sequence for row in rows]
    assert [row.alert for row in outbox.waiting(limit=3, skip=known)] == [alert(4), alert(5)]
    assert len(outbox) == 5


def test_removed_alerts_are_gone_and_the_others_stay(open_outbox: Open):
    outbox = open_outbox()
    for number in range(1, 6):
        outbox.add(alert(number))
    first, second, *_ = outbox.waiting(limit=5)
    outbox.remove([first.sequence, second.sequence])
    outbox.remove([first.sequence])
    assert numbers(outbox) == [3, 4, 5]
    assert len(outbox) == 3


def test_alerts_survive_a_restart(open_outbox: Open):
    outbox = open_outbox()
    outbox.add(alert(1))
    outbox.add(alert(1, "closed"))
    outbox.close()
    again = open_outbox()
    assert [row.alert for row in again.waiting(limit=9)] == [alert(1), alert(1, "closed")]


KILLED = """
import os, signal, sys
from pathlib import Path
from edge.config import Outbox as Settings
from edge.alerting.outbox import Outbox
from tests.samples import alert
outbox = Outbox(Settings(path=Path(sys.argv[1])))
for number in range(1, 100_000):
    outbox.add(alert(number, "closed"))
    print(number, flush=True)
"""


def test_every_added_alert_survives_a_killed_process(path: Path, open_outbox: Open):
    said = said_until_killed(KILLED, str(path), lines=20)[-1]
    kept = numbers(open_outbox())
    assert kept == list(range(1, len(kept) + 1))
    assert len(kept) - said in {0, 1}  # the last may be added and not yet said


def test_an_added_alert_is_synced_to_the_disk_and_a_removal_is_not(open_outbox: Open):
    def level() -> str:
        found = outbox._file._connection().execute("PRAGMA synchronous").fetchone()[0]
        return {1: "NORMAL", 2: "FULL"}[found]

    outbox = open_outbox()
    outbox.add(alert(1))
    assert level() == "FULL"
    outbox.remove([row.sequence for row in outbox.waiting()])
    assert level() == "NORMAL"


def test_the_oldest_are_dropped_beyond_the_bound_and_counted_for_good(
    open_outbox: Open, caplog: pytest.LogCaptureFixture
):
    outbox = open_outbox(max_alerts=100)
    for number in range(1, 131):
        outbox.add(alert(number))
    assert numbers(outbox) == list(range(31, 131))
    assert outbox.dropped == 30
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "drops the oldest" in caplog.text
    outbox.close()
    assert open_outbox(max_alerts=1000).dropped == 30


def test_a_violation_left_open_is_closed_once_by_the_next_process(open_outbox: Open):
    outbox = open_outbox()
    for each in (alert(1), alert(2), alert(1, "closed")):
        outbox.add(each)
    outbox.remove([row.sequence for row in outbox.waiting(limit=9)])
    outbox.close()

    outbox = open_outbox()
    closing = [row.alert for row in outbox.waiting(limit=9)]
    decided = closing[0].decided
    assert abs(decided - time.time()) < 60
    assert closing == [replace(alert(2, "closed"), decided=decided, reason="restarted")]
    outbox.close()

    outbox = open_outbox()
    assert [row.alert for row in outbox.waiting(limit=9)] == closing
    outbox.remove([row.sequence for row in outbox.waiting()])
    outbox.close()
    assert len(open_outbox()) == 0


def test_a_violation_left_open_by_a_killed_process_is_closed(path: Path, open_outbox: Open):
    code = KILLED.replace(
        "for number", "outbox.add(alert(7)); os.kill(os.getpid(), signal.SIGKILL)\nfor number"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=Path(__file__).parent.parent, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert [(row.alert.state, row.alert.violation.int) for row in open_outbox().waiting(9)] == [
        ("opened", 7),
        ("closed", 7),
    ]


def test_a_second_process_is_refused(path: Path, open_outbox: Open):
    open_outbox().add(alert(1))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)],
        cwd=Path(__file__).parent.parent,
        check=False,
        capture_output=True,
        text=True,
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("edge.errors.MaskGateError")
    assert str(path) in last
    assert "another process is using it" in last


def test_a_file_given_back_can_be_opened_by_the_next(open_outbox: Open):
    open_outbox().close()
    open_outbox().close()


def test_a_closed_outbox_takes_nothing(open_outbox: Open):
    outbox = open_outbox()
    outbox.close()
    outbox.close()
    with pytest.raises(ValueError, match="closed"):
        outbox.add(alert(1))


def test_only_the_user_can_read_the_file(path: Path, open_outbox: Open):
    open_outbox().add(alert(1))
    assert {found.stat().st_mode & 0o777 for found in path.parent.iterdir()} == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path):
    file = tmp_path / "file"
    file.touch()
    for wrong in (file / "outbox.sqlite", tmp_path):
        with pytest.raises(MaskGateError, match=r"set outbox\.path to a file") as caught:
            Outbox(OutboxSettings(path=wrong))
        assert str(wrong) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_another_programs_file_is_left_alone(tmp_path: Path):
    theirs = tmp_path / "theirs.sqlite"
    with closing(sqlite3.connect(theirs)) as db:
        db.execute("CREATE TABLE song (title TEXT)")
    with pytest.raises(MaskGateError, match="another program's SQLite file"):
        Outbox(OutboxSettings(path=theirs))
    assert list(tmp_path.glob("*corrupt*")) == []


def test_a_file_of_another_version_is_left_alone(path: Path, open_outbox: Open):
    open_outbox().close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(MaskGateError, match="expected version 2, found 99"):
        open_outbox()


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


def test_an_empty_file_becomes_an_outbox(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    empty = tmp_path / "outbox.sqlite"
    empty.touch()
    with closing(Outbox(OutboxSettings(path=empty))) as outbox:
        outbox.add(alert(1))
        assert numbers(outbox) == [1]
    assert caplog.text == ""


@pytest.mark.parametrize("content", [b"secret\n", b"\xff\xd8\xff\xe0" + bytes(9000)])
def test_an_ordinary_file_is_refused_and_left_alone(tmp_path: Path, content: bytes):
    theirs = tmp_path / "theirs"
    theirs.write_bytes(content)
    with pytest.raises(MaskGateError, match=r"is no outbox.*set outbox\.path to another") as caught:
        Outbox(OutboxSettings(path=theirs))
    assert str(theirs) in str(caught.value)
    assert list(tmp_path.iterdir()) == [theirs]
    assert theirs.read_bytes() == content


def test_a_device_is_no_outbox():
    with pytest.raises(MaskGateError, match="is no outbox"):
        Outbox(OutboxSettings(path=Path("/dev/zero")))


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


def test_a_table_of_somebody_else_in_the_file_does_no_harm(path: Path, open_outbox: Open):
    open_outbox().close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE note (text TEXT)")
    open_outbox().close()
    assert list(path.parent.glob("*corrupt*")) == []


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


def test_a_full_disk_keeps_alerts_in_memory_in_order_until_there_is_space(
    open_outbox: Open, caplog: pytest.LogCaptureFixture
):
    outbox = open_outbox()
    outbox.add(alert(1))
    with full_disk():
        for number in range(2, 6):
            outbox.add(alert(number))
        assert numbers(outbox) == [1, 2, 3, 4, 5]
        outbox.remove([row.sequence for row in outbox.waiting(limit=2)])
        assert numbers(outbox) == [3, 4, 5]
        assert len(outbox) == 3
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "alerts wait in memory" in errors[0].message

    outbox.add(alert(6))
    assert "can be used again" in caplog.text
    outbox.close()
    rows = open_outbox().waiting(limit=99)
    assert [row.alert.violation.int for row in rows if row.alert.reason is None] == [3, 4, 5, 6]
    # All six were opened; what the broker acknowledged from memory is remembered as open, too.
    closed = [row.alert.violation.int for row in rows if row.alert.reason == "restarted"]
    assert closed == [1, 2, 3, 4, 5, 6]


def test_a_failing_disk_is_not_tried_with_each_alert(
    open_outbox: Open, monkeypatch: pytest.MonkeyPatch
):
    outbox = open_outbox()
    monkeypatch.setattr(disk_trouble, "RETRY_SECONDS", 60.0)
    with full_disk():
        outbox.add(alert(1))
    outbox.add(alert(2))
    outbox.retry()
    assert outbox._file.count == 0
    monkeypatch.setattr(disk_trouble, "RETRY_SECONDS", 0.0)
    outbox.retry()
    assert outbox._file.count == 2


def test_what_waits_in_memory_is_written_without_a_new_alert(open_outbox: Open):
    outbox = open_outbox()
    with full_disk():
        outbox.add(alert(1))
        outbox.retry()
    outbox.retry()
    assert outbox._file.count == 1


def test_memory_is_bounded_while_the_disk_is_full(
    open_outbox: Open, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(outbox_module, "MEMORY_ALERTS", 10)
    outbox = open_outbox()
    with full_disk():
        for number in range(1, 26):
            outbox.add(alert(number))
        assert numbers(outbox) == list(range(16, 26))
        assert outbox.dropped == 15
    outbox.add(alert(26))
    outbox.close()
    assert open_outbox().dropped == 15


def test_alerts_that_a_full_disk_loses_in_the_end_are_told(
    open_outbox: Open, caplog: pytest.LogCaptureFixture
):
    outbox = open_outbox()
    with full_disk():
        outbox.add(alert(1))
        outbox.close()
    assert "1 alerts in memory are lost" in caplog.text


def test_a_start_with_a_full_disk_works_on(open_outbox: Open):
    outbox = open_outbox()
    outbox.add(alert(1))
    outbox.close()
    with full_disk():
        outbox = open_outbox()
        outbox.add(alert(2))
        states = [(row.alert.violation.int, row.alert.state) for row in outbox.waiting(limit=9)]
    assert states == [(1, "opened"), (1, "closed"), (2, "opened")]


def test_threads_may_add_and_remove_at_once(open_outbox: Open):
    outbox = open_outbox()
    taken: list[int] = []

    def add(base: int) -> None:
        for number in range(50):
            outbox.add(alert(base + number))

    adders = [threading.Thread(target=add, args=(base,)) for base in (0, 1000, 2000)]
    for thread in adders:
        thread.start()
    while any(thread.is_alive() for thread in adders) or len(outbox):
        rows = outbox.waiting(limit=7)
        taken += [row.alert.violation.int for row in rows]
        outbox.remove([row.sequence for row in rows])
    assert sorted(taken) == [base + number for base in (0, 1000, 2000) for number in range(50)]
    for base in (0, 1000, 2000):
        own = [number for number in taken if base <= number < base + 1000]
        assert own == sorted(own)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("/var/lib/state", "/var/lib/state/maskgate/outbox.sqlite"),
        ("", "/home/someone/.local/state/maskgate/outbox.sqlite"),
        ("relative", "/home/someone/.local/state/maskgate/outbox.sqlite"),
    ],
)
def test_the_default_file_is_in_the_users_state_folder(
    monkeypatch: pytest.MonkeyPatch, state: str, expected: str
):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("XDG_STATE_HOME", state)
    assert default_path() == Path(expected)
