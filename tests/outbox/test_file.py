"""Which file is an outbox, and whose: others' files are refused and left alone."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from edge.alerting.outbox import Outbox, default_path
from edge.config import Outbox as OutboxSettings
from edge.errors import MaskGateError
from tests.outbox.alerts import KILLED, Open, numbers
from tests.samples import alert


def test_a_second_process_is_refused(path: Path, open_outbox: Open):
    open_outbox().add(alert(1))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)],
        cwd=Path(__file__).parents[2],
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


def test_a_table_of_somebody_else_in_the_file_does_no_harm(path: Path, open_outbox: Open):
    open_outbox().close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE note (text TEXT)")
    open_outbox().close()
    assert list(path.parent.glob("*corrupt*")) == []


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
