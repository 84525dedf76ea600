"""A power cut at any moment: what was synced is there, of what was only written, any part.

A device's outbox runs under strace. From the trace the disk is rebuilt as it may look when the
power goes at some moment: everything up to a file's last sync, and of later writes a random choice
of sectors. An outbox opened on that must hold every alert that `add` had returned for.
"""

import ast
import random
import re
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge.alerting.outbox import Outbox
from edge.config import Outbox as OutboxSettings
from tests.tracing import traced

SECTOR = 512
CUTS = 150
DEVICE = """
import os, sys
from pathlib import Path
from edge.alerting.outbox import Outbox
from edge.config import Outbox as Settings
from tests.samples import SetClock, alert
outbox = Outbox(Settings(path=Path(sys.argv[1]) / "outbox.sqlite"), SetClock(trust="trusted"))
outbox._file._connection().execute("PRAGMA wal_autocheckpoint = 30")
for number in range(1, 61):
    outbox.add(alert(number, "closed"))
    os.write(1, b"added %d" % number)
    if number % 3 == 0:
        rows = outbox.waiting(limit=2)
        os.write(1, b"removing %d" % rows[-1].alert.violation.int)
        outbox.remove([row.sequence for row in rows])
os._exit(0)
"""
CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
FILE = re.compile(r"^(?:AT_FDCWD[^,]*, )?\d*<?\"?([^\">]+)")


@dataclass
class File:
    """A file's bytes: those that a power cut leaves alone, and writes that it may undo."""

    synced: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes]] = field(default_factory=list)

    def sync(self) -> None:
        for offset, content in self.pending:
            _put(self.synced, offset, content)
        self.pending.clear()

    def after_a_power_cut(self, chance: random.Random) -> bytes:
        found, share = bytearray(self.synced), chance.choice((0.0, 0.5, 0.9, 1.0))
        for offset, content in self.pending:
            for start in range(0, len(content), SECTOR):
                if chance.random() < share:
                    _put(found, offset + start, content[start : start + SECTOR])
        return bytes(found)


def _put(into: bytearray, offset: int, content: bytes) -> None:
    into.extend(bytes(max(0, offset - len(into))))
    into[offset : offset + len(content)] = content


class Disk:
    """The files of a traced process, call by call."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.added = self.removed = 0

    def follow(self, call: str, arguments: str) -> None:
        name = Path(FILE.match(arguments)[1]).name  # type: ignore[index]
        if call == "write":
            word, number = _content(arguments).split()
            if word == b"added":
                self.added = int(number)
            else:
                self.removed = int(number)
        elif call in {"unlink", "unlinkat"}:
            self.files.pop(name, None)
        elif call == "pwrite64":
            file = self.files.setdefault(name, File())
            file.pending.append((int(arguments.rpartition(", ")[2]), _content(arguments)))
        elif call == "ftruncate":
            file = self.files.setdefault(name, File())
            file.sync()
            del file.synced[int(arguments.rpartition(", ")[2]) :]
        elif name in self.files:
            self.files[name].sync()


def _content(arguments: str) -> bytes:
    start, end = arguments.index('"'), arguments.rindex('"')
    content = ast.literal_eval("b" + arguments[start : end + 1])
    assert isinstance(content, bytes)
    return content


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """What a device did to its disk, in order."""
    folder = tmp_path_factory.mktemp("traced")
    trace = folder.parent / "trace"
    calls = "trace=write,pwrite64,ftruncate,fsync,fdatasync,unlink,unlinkat"
    traced(["-x", "-y", "-s", "99999", "-o", str(trace), "-e", calls], DEVICE, folder)
    found = [match.groups() for line in trace.open() if (match := CALL.match(line))]
    ours = [
        (name, arguments)
        for name, arguments, result in found
        if int(result) >= 0 and (str(folder) in arguments or arguments.startswith("1<"))
    ]
    assert sum(name == "pwrite64" for name, _ in ours) > 200
    return ours


def test_no_alert_is_lost_when_the_power_goes(calls: list[tuple[str, str]], tmp_path: Path):
    chance = random.Random(5)  # noqa: S311  # not a secret
    moments = sorted(chance.sample(range(len(calls)), CUTS))
    disk, done = Disk(), 0
    for moment in moments:
        for call in calls[done:moment]:
            disk.follow(*call)
        done = moment
        folder = tmp_path / str(moment)
        folder.mkdir()
        for name, file in disk.files.items():
            (folder / name).write_bytes(file.after_a_power_cut(chance))
        with closing(Outbox(OutboxSettings(path=folder / "outbox.sqlite"))) as outbox:
            found = [row.alert.violation.int for row in outbox.waiting(limit=99)]
            assert outbox.dropped == 0
        assert found == list(range(found[0], found[-1] + 1)) if found else True
        assert set(range(disk.removed + 1, disk.added + 1)) <= set(found), f"cut at {moment}"
        assert not list(folder.glob("*corrupt*")) or not disk.added
