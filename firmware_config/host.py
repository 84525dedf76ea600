"""Puts a payload on a host that runs, over ssh; takes MaskGate from it again.

Only what differs is copied, and nothing secret is ever on a command line: payloads go through the
standard input of a program of ours there (on_host.py), which needs nothing but Python.
"""

import json
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import click

from edge.errors import MaskGateError
from firmware_config.host_facts import HostFacts, ask, fit, require_python, require_rights
from firmware_config.shipment import Shipment, pack_removal, read_payload
from firmware_config.ssh import Connection, Session, last_line

__all__ = ["HostFacts", "Outcome", "ask_host", "deploy", "fit", "remove"]

ROOT_VARIABLE = "MASKGATE_FLASH_TEST_ROOT"
"""For tests alone: a folder on the host that is taken for its root."""
STEP_LIMIT = 3600.0
"""Seconds between two steps of install.py, which limits each of its own: packages, half an hour,
and once more after apt's update. A network that is gone is noticed in seconds, by ssh."""
SIGN_EVERY = 10.0
"""Seconds of a step after which one is told, again and again, that it goes on."""
ROLLED_BACK = 3
_WRITE: Final = "/run/maskgate-read-only/maskgate-write"
_PROGRAM = Path(__file__).with_name("on_host.py")
_LOOKS = {"payload"}
"""Steps of install.py that look at something and change nothing."""
Ending = Literal["done", "nothing to do", "rolled back"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a deployment or removal ended."""

    host: str
    ending: Ending
    sent: int = 0
    """Bytes of the payload's files that were copied."""
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
    described, shipment = read_payload(payload)
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
    with tempfile.TemporaryDirectory() as folder, Connection(host) as connection:
        shipment = pack_removal(Path(folder), purge=purge)
        outcome = _ship(connection, ask(connection, _root()), shipment)
    return replace(outcome, sent=0, of=0)


def _root() -> str:
    return os.environ.get(ROOT_VARIABLE, "/")


def _require_match(payload: Mapping[str, Any], facts: HostFacts) -> None:
    require_python(facts)
    made_for = f"Python {payload.get('python')} on {payload.get('machine')}"
    found = f"Python {facts.python} on {facts.machine}"
    if made_for != found or facts.bits != 64:
        raise MaskGateError(
            f"host {facts.host}: the payload is made for {made_for}, found {found} with "
            f"{facts.bits} bits; build one for this host"
        )


def _ship(connection: Connection, facts: HostFacts, shipment: Shipment) -> Outcome:
    """Copy what differs, and have install.py run there."""
    require_python(facts)
    require_rights(facts)
    program = _PROGRAM.read_bytes()
    start = f"import sys; exec(sys.stdin.buffer.read({len(program)}))"
    sudo = "" if facts.is_root else "sudo -n "
    write = f"sh {shlex.quote(_root().rstrip('/') + _WRITE)} " if facts.read_only else ""
    with connection.start(f"exec {sudo}{write}python3 -c {shlex.quote(start)}") as there:
        there.send(program + shipment.order(_root()))
        talk = _Talk(connection, there)
        sent = 0
        while need := talk.answer("need"):
            sent += _copy(connection.host, there, shipment, need)
        return talk.outcome(sent, shipment)


def _copy(host: str, there: Session, shipment: Shipment, need: dict[str, int]) -> int:
    """Send the files that are needed, each from where an earlier copy was cut off.

    Returns:
        How many bytes were sent.
    """
    total = sum(shipment.size(path) - begin for path, begin in need.items())
    many = f"{len(need)} files" if len(need) > 1 else "1 file"
    label = f"{host}: copying {many}, {total / 1e6:.1f} MB"
    sent = 0
    with click.progressbar(length=total, label=label, file=sys.stderr) as bar:
        for path, begin in need.items():
            for chunk in shipment.chunks(path, begin):
                if not there.send(chunk):
                    return sent  # It has ended; what it said last tells why.
                sent += len(chunk)
                bar.update(len(chunk))
    return sent


class _Talk:
    """What on_host.py says, line by line."""

    def __init__(self, connection: Connection, there: Session) -> None:
        self._connection = connection
        self._host: Final = connection.host
        self._there = there
        self._changed = False
        self._why: list[str] = []

    def answer(self, wanted: str) -> Any:
        """What it says under a key; steps that come before are shown.

        Raises:
            MaskGateError: it refuses, it fails, or the connection is lost.
        """
        while (line := self._line()) is not None:
            said = _parsed(line)
            if wanted in said:
                self._ended = said
                return said[wanted]
            if "refused" in said:
                raise MaskGateError(f"host {self._host}: {said['refused']}")
            self._show(said)
        code, errors = self._there.end(), self._there.errors()
        if "password is required" in errors:
            why = "sudo asks for a password; allow it without (NOPASSWD in /etc/sudoers.d)"
        else:
            why = f"it broke off there ({last_line(errors) or f'code {code}'}); run it again"
        raise MaskGateError(f"host {self._host}: {why}")

    def outcome(self, sent: int, shipment: Shipment) -> Outcome:
        """Wait until install.py has ended.

        Raises:
            MaskGateError: it could not install, or the connection is lost.
        """
        code = self.answer("ended")
        of = sum(map(shipment.size, shipment.files))
        log, why = tuple(self._ended["log"]), "; ".join(self._why)
        if code == ROLLED_BACK:
            return Outcome(self._host, "rolled back", sent, of, why, log)
        if code != 0:
            for line in log:
                click.echo(f"    {line}", err=True)
            why = why or last_line(self._there.errors()) or f"install.py ended with code {code}"
            raise MaskGateError(f"host {self._host}: it cannot be done there ({why})")
        return Outcome(self._host, "done" if self._changed else "nothing to do", sent, of)

    def _line(self) -> str | None:
        began = time.monotonic()
        while not self._there.speaks_within(SIGN_EVERY):
            waited = time.monotonic() - began
            if waited > STEP_LIMIT:
                raise self._connection.lost(f"nothing said for {STEP_LIMIT:g} s")
            click.echo(f"{self._host}: at work for {waited:.0f} s", err=True)
        return self._there.line()

    def _show(self, said: dict[str, Any]) -> None:
        if "waiting" in said:
            click.echo(f"{self._host}: waiting {said['waiting']}", err=True)
            return
        if "step" not in said:
            return
        state, why = said.get("state"), str(said.get("why") or "")
        if state == "done" and said["step"] not in _LOOKS:
            self._changed = True
        if state == "failed":
            self._why.append(f"{said['step']}: {why}")
        click.echo(f"{self._host}: {said['step']}: {state}{f' ({why})' if why else ''}", err=True)


def _parsed(line: str) -> dict[str, Any]:
    """A line of JSON; nothing where it is none."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
