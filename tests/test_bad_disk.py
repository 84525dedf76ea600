"""Alerts on a disk that is full, read-only or failing: a real one, in a namespace of its own."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from edge.alerting.outbox import Outbox
from edge.config import Outbox as OutboxSettings
from tests.outbox.alerts import numbers
from tests.samples import alert
from tests.tracing import traced

ROOT = Path(__file__).parent.parent
PROLOGUE = """
import json, os, subprocess, sys, time
from pathlib import Path
from edge.alerting import disk_trouble
from edge.alerting.outbox import Outbox
from edge.config import Outbox as Settings
from tests.samples import alert
disk_trouble.RETRY_SECONDS = 0.0
disk = Path(sys.argv[1])
def open_outbox():
    return Outbox(Settings(path=disk / "outbox.sqlite"))
def add(outbox, *numbers):
    for number in numbers:
        outbox.add(alert(number, "closed"))
def told(outbox):
    return [row.alert.violation.int for row in outbox.waiting(limit=999)]
def fill():
    with (disk / "filler").open("ab", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(512))
        except OSError:
            pass
def free():
    (disk / "filler").unlink()
def mount(how):
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)
def say(**found):
    print(json.dumps(found))
"""


def on_a_disk_of_its_own(disk: Path, code: str) -> dict[str, object]:
    """Run a program on a new disk of 256 KB, which only it sees; returns what it says."""
    words = ["unshare", "--map-root-user", "--mount", "sh", "-c",
             'mount -t tmpfs -o size=256k none "$1" && exec "$2" -c "$3" "$1"',
             "sh", str(disk), sys.executable, PROLOGUE + code]  # fmt: skip
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no disk can be mounted here ({done.stderr.strip()})")
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return {**found, "log": done.stderr}


def test_a_disk_that_fills_costs_no_alert(tmp_path: Path):
    found = on_a_disk_of_its_own(
        tmp_path,
        """
outbox = open_outbox()
add(outbox, 1, 2, 3)
fill()
add(outbox, *range(4, 44))
full = outbox.trouble, outbox._file.count, told(outbox)
free()
outbox.retry()
after = outbox.trouble, outbox._file.count
outbox.close()
say(full=full, after=after, again=told(open_outbox()))
""",
    )
    trouble, saved, told = found["full"]  # type: ignore[misc]
    assert "full" in trouble
    assert 3 <= saved < 43
    assert told == list(range(1, 44))
    assert found["after"] == [None, 43]
    assert found["again"] == list(range(1, 44))
    assert str(found["log"]).count("alerts wait in memory") == 1
    assert str(found["log"]).count("can be used again") == 1


def test_a_device_started_on_a_full_disk_alerts_and_writes_when_there_is_room(tmp_path: Path):
    found = on_a_disk_of_its_own(
        tmp_path,
        """
fill()
outbox = open_outbox()
add(outbox, 1, 2, 3)
full = outbox.trouble, told(outbox)
outbox.remove([row.sequence for row in outbox.waiting()])
free()
outbox.retry()
after = outbox.trouble, told(outbox)
outbox.close()
say(full=full, after=after, again=told(open_outbox()))
""",
    )
    trouble, told = found["full"]  # type: ignore[misc]
    assert "full" in trouble.lower() or "no space" in trouble.lower()
    assert told == [1, 2, 3]
    assert found["after"] == [None, [2, 3]]
    assert found["again"] == [2, 3]


def test_a_device_started_on_a_read_only_disk_alerts_and_finds_the_earlier_ones_later(
    tmp_path: Path,
):
    found = on_a_disk_of_its_own(
        tmp_path,
        """
outbox = open_outbox()
outbox.add(alert(1))
add(outbox, 2, 3)
outbox.close()
mount("ro")
outbox = open_outbox()
add(outbox, 4, 5, 6)
read_only = outbox.trouble, told(outbox)
sent = [row.sequence for row in outbox.waiting(limit=2)]
mount("rw")
outbox.retry()
after = outbox.trouble, told(outbox)
rest = [row.alert.violation.int for row in outbox.waiting(limit=99, skip=sent)]
outbox.remove(sent)
outbox.close()
say(read_only=read_only, after=after, rest=rest, again=told(open_outbox()))
""",
    )
    trouble, told = found["read_only"]  # type: ignore[misc]
    assert "Read-only" in trouble
    assert told == [4, 5, 6]
    assert found["after"] == [None, [1, 2, 3, 4, 5, 6, 1]]
    assert found["rest"] == [1, 2, 3, 6, 1]
    assert found["again"] == [1, 2, 3, 6, 1]


FAILING = """
troubles = set()
outbox = open_outbox()
for number in range(1, 101):
    add(outbox, number)
    troubles.add(outbox.trouble)
    if number % 10 == 0:
        outbox.remove([row.sequence for row in outbox.waiting()])
left = told(outbox), outbox.trouble
outbox.close()
again = open_outbox()
say(troubles=[*map(str, troubles)], left=left, again=told(again), dropped=again.dropped)
"""


@pytest.mark.parametrize(
    "fault",
    [
        "pwrite64:error=EROFS:when=60..90",
        "pwrite64:error=EIO:when=61..63",
        "pwrite64:error=ENOSPC:when=62..200+7",
        "fdatasync:error=EIO:when=20..22",
        "fdatasync:error=EIO:when=10..40+3",
    ],
)
def test_a_card_that_fails_for_a_while_costs_no_alert(tmp_path: Path, fault: str):
    options = ["-e", "trace=pwrite64,fdatasync", "-e", f"inject={fault}", "-o", "/dev/null"]
    found = json.loads(traced(options, PROLOGUE + FAILING, tmp_path))
    assert len(found["troubles"]) > 1
    expected = list(range(11, 101))
    assert found["left"] == [expected, None]
    assert found["again"] == expected
    assert found["dropped"] == 0


def test_alerts_in_memory_go_out_when_the_file_cannot_be_read_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    outbox = Outbox(OutboxSettings(path=tmp_path / "outbox.sqlite"))
    outbox.add(alert(1, "closed"))
    monkeypatch.setattr(outbox._file, "_connection", _fails)
    outbox.add(alert(2, "closed"))
    assert numbers(outbox) == []
    monkeypatch.setattr("edge.alerting.outbox.OVERTAKE_SECONDS", 0.0)
    assert numbers(outbox) == [2]
    monkeypatch.undo()
    outbox.retry()
    outbox.add(alert(3, "closed"))
    assert numbers(outbox) == [1, 2, 3]
    outbox.close()


def _fails() -> None:
    raise sqlite3.OperationalError("disk I/O error")


VERSION_1 = """
    CREATE TABLE waiting (
        sequence INTEGER PRIMARY KEY, alert BLOB NOT NULL, monotonic REAL NOT NULL
    );
    CREATE TABLE open (violation TEXT PRIMARY KEY, alert BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE counter (dropped INTEGER NOT NULL);
    INSERT INTO counter VALUES (7);
    PRAGMA application_id = 1297304391;
    PRAGMA user_version = 1;
"""
EARLIER = {
    "violation": "00000000-0000-0000-0000-000000000001", "state": "opened",
    "label": "face_no_mask", "camera": "entrance", "first_seen": 1001.0, "last_seen": 1002.0,
    "decided": 1002.5, "votes": 4, "confidence": 0.9,
    "box": {"left": 0.1, "top": 0.2, "right": 0.3, "bottom": 0.4},
    "bundle": "compact", "bundle_version": "1.0.0", "reason": None,
}  # fmt: skip


def test_alerts_in_a_file_of_the_version_before_are_kept(tmp_path: Path):
    path = tmp_path / "outbox.sqlite"
    content = json.dumps(EARLIER).encode()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(VERSION_1)
        db.execute("INSERT INTO waiting VALUES (5, ?, 12.5)", (content,))
        db.execute("INSERT INTO open VALUES (?, ?)", (EARLIER["violation"], content))
    with closing(Outbox(OutboxSettings(path=path))) as outbox:
        old, closed = outbox.waiting(limit=9)
        assert old.alert == alert(1)
        assert outbox.age(old) == float("inf")
        assert (closed.alert.state, closed.alert.reason) == ("closed", "restarted")
        assert outbox.dropped == 7
        assert outbox.loss() is None
