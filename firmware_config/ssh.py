"""A connection to a host by OpenSSH's own ssh: one login, several commands, every wait limited.

OpenSSH rather than a library: what reaches the host by `ssh` reaches it from here too, with the
user's keys, agent, `~/.ssh/config`, jump hosts and known hosts.

A host that is not known yet is accepted and remembered (accept-new), because a device that was set
up a minute ago can be known to nobody; one whose key has changed is refused. Who wants it stricter
says so: MASKGATE_SSH="ssh -o StrictHostKeyChecking=yes".
"""

import os
import re
import select
import shlex
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import click

from edge.errors import MaskGateError

COMMAND_VARIABLE = "MASKGATE_SSH"
"""Environment variable with the ssh command and more options, as GIT_SSH_COMMAND for git."""
LOGIN_LIMIT = 40.0
"""Seconds until one must be logged in; a Raspberry Pi under load takes a few."""
SILENCE_LIMIT = 120.0
"""Seconds that a host may take nothing, or say nothing where an answer is due at once."""
LOST = 255
"""What ssh ends with when the connection fails, whatever the command there ends with."""
_OPTIONS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "accept-new",
    "ConnectTimeout": "10",
    # A network that is gone is noticed after 20 seconds.
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "4",
    # Less, and it would not say why a connection ended.
    "LogLevel": "INFO",
    # What the user's configuration may ask for and would be in the way here.
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "ControlPersist": "no",
}
_HOST = re.compile(
    r"(?:(?P<user>\w[\w.-]*)@)?(?P<name>\w[\w.-]*|\[[\w:.%]+\])(?::(?P<port>[0-9]{1,5}))?"
)
_REFUSALS = {
    "Could not resolve": "no such name in this network; see how it is spelt, or name its IP "
    "address",
    "Connection refused": "it is there, but nothing listens for ssh; enable ssh on it",
    "IDENTIFICATION HAS CHANGED": "expected the key that it had before, found another ({key}); if "
    "it was installed anew: ssh-keygen -R '{name}'; if it was not, somebody else answers in its "
    "place",
    "Host key verification failed": "its host key is not known, and yours is to accept none; log "
    "in once by hand: ssh {host}",
    "Permission denied": "it takes none of your keys; put one there (ssh-copy-id), load it "
    "(ssh-add), or name another user",
    "Too many authentication": "it takes none of your keys (it was offered too many); name the "
    "right one in ~/.ssh/config",
}
"""What ssh says, in the order of what counts, and what it means."""
_CHUNK = 65_536


class Connection:
    """A host that one is logged in on, for as long as it is entered."""

    def __init__(self, host: str) -> None:
        """Remember whom to reach.

        Args:
            host: [user@]host[:port]; an IPv6 address in brackets; or a name of ~/.ssh/config.

        Raises:
            MaskGateError: it is not of that form.
        """
        found = _HOST.fullmatch(host)
        if not found:
            raise MaskGateError(
                f"host {host!r}: expected [user@]host[:port], e.g. pi@north-door.local"
            )
        self.host = host
        name = found["name"].strip("[]")
        at = f"{found['user']}@{name}" if found["user"] else name
        self._to = [*(("-p", found["port"]) if found["port"] else ()), "--", at]

    def __enter__(self) -> "Connection":
        with ExitStack() as stack:
            try:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="maskgate-ssh-"))
            except OSError as error:
                raise MaskGateError(
                    f"folder {tempfile.gettempdir()}: it cannot be written ({error.strerror}); "
                    "free some space there, or set TMPDIR"
                ) from error
            self._socket = Path(folder) / "s"
            # It runs `cat` there, which ends when this process does, however that ends.
            login = Session(self, self._ssh("cat", "-o", "ControlMaster=yes"))
            self._login = stack.enter_context(login)
            self._wait_for_login()
            if "Permanently added" in login.errors():
                click.echo(f"{self.host}: its key was not known, and is remembered now", err=True)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    def start(self, command: str) -> "Session":
        """Start a command on the host.

        Args:
            command: for the user's shell there. Every user of the host can read it: no secrets.
        """
        return Session(self, self._ssh(command, "-o", "ControlMaster=no"))

    def lost(self, said: str = "") -> MaskGateError:
        """The error of a connection that was there and is no more.

        Args:
            said: what the ssh of the command said.
        """
        self._login.ended_within(1.0)
        why = last_line(self._login.errors() or said) or "no answer"
        return MaskGateError(
            f"host {self.host}: the connection was lost ({why}); run it again, what was copied is "
            "kept and what was begun is completed"
        )

    def _ssh(self, command: str, *options: str) -> list[str]:
        mine = [word for key, value in _OPTIONS.items() for word in ("-o", f"{key}={value}")]
        ssh = shlex.split(os.environ.get(COMMAND_VARIABLE, "")) or ["ssh"]
        path = ["-o", f"ControlPath={self._socket}"]
        return [*ssh, *mine, *path, *options, *self._to, command]

    def _wait_for_login(self) -> None:
        deadline = time.monotonic() + LOGIN_LIMIT
        while not self._socket.exists():
            if self._login.ended_within(0.02) or time.monotonic() > deadline:
                raise self._refusal(self._login.errors())

    def _refusal(self, said: str) -> MaskGateError:
        host = f"host {self.host}:"
        for sign, text in _REFUSALS.items():
            if sign in said:
                return MaskGateError(f"{host} {text.format(host=self.host, **_changed_key(said))}")
        why = last_line(said) or f"no login within {LOGIN_LIMIT:g} s"
        return MaskGateError(
            f"{host} it cannot be reached ({why}); see whether it is on and in this network"
        )


class Session:
    """A command that runs on a host: bytes go in, lines come out, and no wait is for ever."""

    def __init__(self, connection: Connection, words: list[str]) -> None:
        """Start it.

        Raises:
            MaskGateError: there is no ssh on this machine.
        """
        self._connection = connection
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(  # noqa: S603
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, "LC_ALL": "C"},
                bufsize=0,
            )
        except OSError as error:
            self._errors.close()
            raise MaskGateError(
                f"ssh: {words[0]} cannot be started ({error.strerror}); install openssh-client, "
                f"or see {COMMAND_VARIABLE}"
            ) from error
        assert self._process.stdin
        assert self._process.stdout
        self._in, self._out = self._process.stdin, self._process.stdout
        # So that a write takes what there is room for, and never waits.
        os.set_blocking(self._in.fileno(), False)
        self._rest = b""

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def send(self, data: bytes) -> bool:
        """Give the command bytes to read.

        Returns:
            False where it reads no more: it has ended, and may have said why.

        Raises:
            MaskGateError: nothing moves any more.
        """
        left = memoryview(data)
        while left:
            if not select.select([], [self._in], [], SILENCE_LIMIT)[1]:
                raise self._connection.lost(f"nothing taken for {SILENCE_LIMIT:g} s")
            try:
                left = left[os.write(self._in.fileno(), left) :]
            except BrokenPipeError:
                return False
        return True

    def close_input(self) -> None:
        """Tell the command that no more bytes come."""
        self._in.close()

    def speaks_within(self, seconds: float) -> bool:
        """Wait until it says something, or has ended; whether it did within so many seconds."""
        return bool(self._rest) or bool(select.select([self._out], [], [], seconds)[0])

    def line(self, seconds: float = SILENCE_LIMIT) -> str | None:
        """The next line that the command says, without its end; None after the last.

        Args:
            seconds: how long it may take.

        Raises:
            MaskGateError: it takes longer.
        """
        deadline = time.monotonic() + seconds
        while b"\n" not in self._rest:
            wait = max(0.0, deadline - time.monotonic())
            if not select.select([self._out], [], [], wait)[0]:
                raise self._connection.lost(f"nothing said for {seconds:g} s")
            more = os.read(self._out.fileno(), _CHUNK)
            if not more:
                break
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace").rstrip() if line or _ else None

    def end(self) -> int:
        """Wait until the command has ended; its exit code.

        Raises:
            MaskGateError: the connection is lost.
        """
        self.close_input()
        if not self.ended_within(SILENCE_LIMIT) or self._process.returncode == LOST:
            raise self._connection.lost(self.errors())
        return self._process.returncode

    def errors(self) -> str:
        """What it said on standard error so far."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def ended_within(self, seconds: float) -> bool:
        """Wait for its end for so many seconds; whether it has ended."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """End it, whatever it does."""
        self._in.close()
        if not self.ended_within(2.0):
            self._process.kill()
            self._process.wait()
        self._out.close()
        self._errors.close()


def _changed_key(said: str) -> dict[str, str]:
    """The host's key, and under which name another is known, as ssh says them."""
    name = re.search(r"Host key for (\S+) has changed", said)
    key = re.search(r"^SHA256:[\w+/]+", said, re.MULTILINE)
    return {"name": name[1] if name else "", "key": key[0] if key else "unknown"}


def last_line(text: str) -> str:
    """The last line of a text that is not empty; empty where there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
