"""Log lines in a real journal."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.health.journal import LONGEST, JournalHandler, entry, goes_to_journal
from tests.services import Journal
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def journal() -> Iterator[Journal]:
    if not (Journal.DAEMON and Journal.READER and os.geteuid() == 0):
        pytest.skip("a journal of one's own needs systemd-journald, journalctl and root")
    made = Journal()
    try:
        wait_until(made.socket.exists)
        yield made
    finally:
        made.close()


def log_to(path: Path) -> logging.Logger:
    log = logging.Logger("edge.test")
    log.addHandler(JournalHandler(path))
    return log


def test_a_record_is_one_entry_with_its_priority_and_its_place(journal: Journal) -> None:
    log = log_to(journal.socket)
    log.error("camera %s: größer\nthan a line", "door", extra={"camera": "door"})
    log.info("all well")
    wait_until(lambda: len(journal.entries()) >= 2)
    found = {entry["MESSAGE"]: entry for entry in journal.entries()}
    error = found["camera door: größer\nthan a line"]
    assert error["PRIORITY"] == "3"
    assert error["LOGGER"] == "edge.test"
    assert error["MASKGATE_CAMERA"] == "door"
    assert error["CODE_FILE"] == __file__
    assert found["all well"]["PRIORITY"] == "6"


def test_a_traceback_is_one_entry(journal: Journal) -> None:
    try:
        raise ValueError("a fault")
    except ValueError:
        log_to(journal.socket).exception("the publisher failed")
    wait_until(lambda: any("the publisher failed" in e["MESSAGE"] for e in journal.entries()))
    (found,) = [e for e in journal.entries() if "the publisher failed" in e["MESSAGE"]]
    assert "Traceback" in found["MESSAGE"]
    assert "ValueError: a fault" in found["MESSAGE"]


def test_a_message_that_is_too_long_is_cut_and_not_lost(journal: Journal) -> None:
    log_to(journal.socket).warning("long %s", "x" * 10**6)
    # journalctl gives a long one as null, so it is looked for by its priority.
    wait_until(lambda: any(e["PRIORITY"] == "4" for e in journal.entries()))


def test_a_message_cannot_forge_a_field() -> None:
    record = logging.LogRecord("x", logging.INFO, "f.py", 1, "hello\nPRIORITY=0", None, None)
    data = entry(record, record.getMessage())
    assert data.startswith(b"MESSAGE\n" + (16).to_bytes(8, "little") + b"hello\nPRIORITY=0\n")
    assert len(entry(record, "ü" * 10**6)) < 2 * LONGEST + 1000


def test_a_journal_that_is_away_loses_lines_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    log_to(tmp_path / "nobody").error("unheard")


def test_the_journal_is_told_from_a_terminal_and_a_file(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        found = os.fstat(file.fileno())
        stream = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert goes_to_journal(file.fileno(), stream)
        assert not goes_to_journal(file.fileno(), {})
        assert not goes_to_journal(file.fileno(), {"JOURNAL_STREAM": f"{found.st_dev}:1"})
        assert not goes_to_journal(999, stream)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("from edge.cli import main; main(['check', '--config', '/nowhere'])", "/nowhere"),
        ("from edge.health.logs import set_up_logging; set_up_logging(); 1 / 0", "crashed"),
    ],
)
def test_what_ends_a_service_is_an_error_in_the_journal(
    journal: Journal, tmp_path: Path, code: str, said: str
) -> None:
    with (tmp_path / "stderr").open("w") as stderr:
        found = os.fstat(stderr.fileno())
        set_socket = (
            "import pathlib, edge.health.logs as logs\n"
            f"logs.SOCKET = pathlib.Path({str(journal.socket)!r})\n"
        )
        subprocess.run(
            [sys.executable, "-c", set_socket + code], stderr=stderr, timeout=60, check=False,
            env={**os.environ, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"},
        )  # fmt: skip
    wait_until(lambda: any(said in (e["MESSAGE"] or "") for e in journal.entries()))
    (entry,) = [e for e in journal.entries() if said in (e["MESSAGE"] or "")]
    assert entry["PRIORITY"] in "23"
    assert entry["MESSAGE"].startswith(("settings", "the program crashed"))
    assert (tmp_path / "stderr").read_text() == ""
