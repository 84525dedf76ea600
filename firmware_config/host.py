"""Puts a payload on a host that runs, over ssh; takes MaskGate from it again.

Only what differs is copied, and nothing secret is ever on a command line: payloads go through the
standard input of a program of ours there (on_host.py), which needs nothing but Python.
"""

import hashlib
import json
import os
import shlex
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

import click

from edge.errors import MaskGateError
from firmware_config.host_facts import HostFacts, ask, fit, require_python, require_rights
from firmware_config.ssh import Connection, Session

__all__ = ["HostFacts", "Outcome", "ask_host", "deploy", "fit", "remove"]

ROOT_VARIABLE = "MASKGATE_FLASH_TEST_ROOT"
"""For tests alone: a folder on the host that is taken for its root."""
STEP_LIMIT = 1200.0
"""Seconds between two steps of install.py: the longest are the installation of wheels on a slow
card, of packages by apt, and the wait for a healthy service (300 s)."""
ROLLED_BACK = 3
_PROGRAM = Path(__file__).with_name("on_host.py")
_INSTALL = Path(__file__).with_name("install.py")
_LOOKS = {"payload"}
"""Steps of install.py that look at something and change nothing."""
_CHUNK = 65_536
Ending = Literal["done", "nothing to do", "rolled back"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a deployment or removal ended."""

    host: str
    ending: Ending
    sent: int = 0
    """Bytes of files that were copied."""
    of: int = 0
    """Bytes of all files of the payload."""
    why: str = ""
    """Of a roll-back: what install.py says."""
    log: tuple[str, ...] = ()
    """Of a roll-back: the service's last lines in the journal."""

    @property
    def exit_code(self) -> int:
        """What the command ends with: 0, or 3 where the host went back to what ran before."""
        return ROLLED_BACK if self.ending == "rolled back" else 0

    def __str__(self) -> str:
        if self.ending != "rolled back":
            copied = f" ({self.sent / 1e6:.1f} of {self.of / 1e6:.1f} MB copied)" if self.of else ""
            return f"{self.host}: {self.ending}{copied}"
        said = "".join(f"\n    {line}" for line in self.log)
        return (
            f"{self.host}: rolled back, what ran before runs again: {self.why or 'not healthy'}"
            + (f"\n  its log:{said}" if said else "")
        )


@dataclass(frozen=True, slots=True)
class _Shipment:
    """Files for a host, and what is to be done with them there."""

    id: str
    files: dict[str, tuple[Path, str]]
    """Where they lie on the host, in the payload's folder: the file here, its SHA-256."""
    command: list[str]
    """Arguments of install.py."""
    keep: bool
    """Whether the files stay, but for the secrets, to be compared with the next ones."""
    unpacked: int = 0
    """Bytes that the release will take."""

    def order(self) -> bytes:
        """What on_host.py is told."""
        files = {path: (sha256, file.stat().st_size) for path, (file, sha256) in self.files.items()}
        said = {
            "root": _root(),
            "id": self.id,
            "files": files,
            "command": self.command,
            "keep": self.keep,
            "unpacked": self.unpacked,
        }
        return json.dumps(said).encode() + b"\n"


def ask_host(host: str) -> HostFacts:
    """Ask a host what it is, and what runs there.

    Args:
        host: [user@]host[:port], or a name of ~/.ssh/config.

    Raises:
        MaskGateError: it cannot be reached, or nobody is let in.
    """
    with Connection(host) as connection:
        return ask(connection, _root())


def deploy(host: str, payload: Path) -> Outcome:
    """Install a payload on a host, or put it in place of the one that runs there.

    Shows on standard error what is going on. What is cut off, by whatever, is gone on with when
    this is called again.

    Args:
        host: [user@]host[:port], or a name of ~/.ssh/config.
        payload: a folder, as payload.py makes it.

    Raises:
        MaskGateError: the payload is damaged or is for another system; the host cannot be
            reached, is lost meanwhile, has no room or no rights for it, or cannot install it.
    """
    described, shipment = _read_payload(payload)
    with Connection(host) as connection:
        facts = ask(connection, _root())
        _require_match(described, facts)
        return _ship(connection, facts, shipment)


def remove(host: str, *, purge: bool = False) -> Outcome:
    """Take MaskGate from a host: service, program, settings and secrets.

    Args:
        host: [user@]host[:port], or a name of ~/.ssh/config.
        purge: the outbox too, with the alerts that were not sent yet.

    Raises:
        MaskGateError: the host cannot be reached, is lost meanwhile, or cannot do it.
    """
    files = {"install.py": (_INSTALL, _sha256(_INSTALL))}
    command = ["remove", *(["--purge"] if purge else [])]
    with Connection(host) as connection:
        facts = ask(connection, _root())
        return _ship(connection, facts, _Shipment("remove", files, command, keep=False))


def _root() -> str:
    return os.environ.get(ROOT_VARIABLE, "/")


def _read_payload(folder: Path) -> tuple[dict[str, Any], _Shipment]:
    described = folder / "payload.json"
    try:
        content = described.read_bytes()
        payload = json.loads(content)
        hashes = {**payload["files"], "payload.json": hashlib.sha256(content).hexdigest()}
        if payload["schema"] != 1:
            raise ValueError(f"schema {payload['schema']}, expected 1")
        files = {path: (_file(folder, path), sha256) for path, sha256 in hashes.items()}
        files.setdefault("install.py", (folder / "install.py", _sha256(folder / "install.py")))
        unpacked = sum(_unpacked_size(file) for file, _ in files.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = repr(error) if isinstance(error, KeyError) else str(error)
        raise MaskGateError(
            f"payload {folder}: it is not one, or not whole ({why}); build it again"
        ) from error
    name = hashes["payload.json"][:12]
    return payload, _Shipment(name, files, ["install"], keep=True, unpacked=unpacked)


def _file(folder: Path, path: str) -> Path:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts:
        raise ValueError(f"{path} is not in it")
    file = folder / path
    if not file.is_file():
        raise ValueError(f"{path} is missing")
    return file


def _unpacked_size(file: Path) -> int:
    """Bytes that a file takes once it is installed; of a wheel, with its compiled modules."""
    if file.suffix != ".whl" or not zipfile.is_zipfile(file):
        return file.stat().st_size
    with zipfile.ZipFile(file) as wheel:
        sizes = [(one.filename, one.file_size) for one in wheel.infolist()]
    return sum(2 * size if name.endswith(".py") else size for name, size in sizes)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _require_match(payload: Mapping[str, Any], facts: HostFacts) -> None:
    made_for = f"Python {payload.get('python')} on {payload.get('machine')}"
    found = f"Python {facts.python} on {facts.machine}"
    if made_for != found or facts.bits != 64:
        raise MaskGateError(
            f"host {facts.host}: the payload is made for {made_for}, found {found} with "
            f"{facts.bits} bits; build one for this host"
        )


def _ship(connection: Connection, facts: HostFacts, shipment: _Shipment) -> Outcome:
    """Copy what differs, and have install.py run there."""
    require_python(facts)
    require_rights(facts)
    program = _PROGRAM.read_bytes()
    start = f"import sys; exec(sys.stdin.buffer.read({len(program)}))"
    sudo = "" if facts.is_root else "sudo -n "
    with connection.start(f"exec {sudo}python3 -c {shlex.quote(start)}") as there:
        there.send(program + shipment.order())
        talk = _Talk(connection, there)
        sent = 0
        while need := talk.answer("need"):
            sent += _copy(connection.host, there, shipment, need)
        return talk.outcome(sent, sum(file.stat().st_size for file, _ in shipment.files.values()))


def _copy(host: str, there: Session, shipment: _Shipment, need: dict[str, int]) -> int:
    """Send the files that are needed, each from where an earlier copy was cut off.

    Returns:
        How many bytes were sent.
    """
    sizes = {path: shipment.files[path][0].stat().st_size for path in need}
    total = sum(sizes[path] - begin for path, begin in need.items())
    many = f"{len(need)} files" if len(need) > 1 else "1 file"
    label = f"{host}: copying {many}, {total / 1e6:.1f} MB"
    sent = 0
    with click.progressbar(length=total, label=label, file=sys.stderr) as bar:
        for path, begin in need.items():
            for chunk in _chunks(shipment.files[path][0], begin, sizes[path]):
                if not there.send(chunk):
                    return sent  # It has ended; what it said last tells why.
                sent += len(chunk)
                bar.update(len(chunk))
    return sent


def _chunks(file: Path, begin: int, end: int) -> Iterator[bytes]:
    """The bytes of a file, exactly from one place to another, whatever becomes of it meanwhile."""
    with file.open("rb") as stream:
        stream.seek(begin)
        while begin < end:
            chunk = stream.read(min(_CHUNK, end - begin)) or bytes(min(_CHUNK, end - begin))
            yield chunk
            begin += len(chunk)


class _Talk:
    """What on_host.py says, line by line."""

    def __init__(self, connection: Connection, there: Session) -> None:
        self._connection = connection
        self._host: Final = connection.host
        self._there = there
        self._changed = False
        self._why = ""

    def answer(self, wanted: str) -> Any:
        """What it says under a key; steps that come before are shown.

        Raises:
            MaskGateError: it refuses, it fails, or the connection is lost.
        """
        while (line := self._there.line(STEP_LIMIT)) is not None:
            said = _parsed(line)
            if wanted in said:
                self._ended = said
                return said[wanted]
            if "refused" in said:
                raise MaskGateError(f"host {self._host}: {said['refused']}")
            self._show(said, line)
        code, errors = self._there.end(), self._there.errors()
        if "password is required" in errors:
            why = "sudo asks for a password; allow it without (NOPASSWD in /etc/sudoers.d)"
        else:
            lines = [line for line in errors.splitlines() if line.strip()]
            why = f"the installation broke off there ({lines[-1] if lines else f'code {code}'})"
        raise MaskGateError(f"host {self._host}: {why}")

    def outcome(self, sent: int, of: int) -> Outcome:
        """Wait until install.py has ended.

        Raises:
            MaskGateError: it could not install, or the connection is lost.
        """
        code = self.answer("ended")
        log = tuple(self._ended["log"])
        if code == ROLLED_BACK:
            return Outcome(self._host, "rolled back", sent, of, self._why, log)
        if code != 0:
            for line in log:
                click.echo(f"    {line}", err=True)
            why = self._why or f"install.py ended with code {code}"
            raise MaskGateError(f"host {self._host}: it cannot be done there: {why}")
        return Outcome(self._host, "done" if self._changed else "nothing to do", sent, of)

    def _show(self, said: dict[str, Any], line: str) -> None:
        if "waiting" in said:
            click.echo(f"{self._host}: waiting {said['waiting']}", err=True)
            return
        if "step" not in said:
            self._why = line or self._why  # A traceback's last line, say.
            return
        state, why = said.get("state"), str(said.get("why") or "")
        if state == "done" and said["step"] not in _LOOKS:
            self._changed = True
        if state == "failed":
            self._why = f"{said['step']}: {why}"
        click.echo(f"{self._host}: {said['step']}: {state}{f' ({why})' if why else ''}", err=True)


def _parsed(line: str) -> dict[str, Any]:
    """A line of JSON; nothing where it is none."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
