"""Alerts wait on disk: in order, bounded, through restarts and killed processes."""

import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.outbox.alerts import KILLED, Open, numbers
from tests.samples import alert
from tests.waiting import said_until_killed


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
        [sys.executable, "-c", code, str(path)], cwd=Path(__file__).parents[2], check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert [(row.alert.state, row.alert.violation.int) for row in open_outbox().waiting(9)] == [
        ("opened", 7),
        ("closed", 7),
    ]


def test_a_closed_outbox_takes_nothing(open_outbox: Open):
    outbox = open_outbox()
    outbox.close()
    outbox.close()
    with pytest.raises(ValueError, match="closed"):
        outbox.add(alert(1))


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
