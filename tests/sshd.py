"""A real ssh server on the loopback address: its own host key, one user's key, a PATH of its own.

Only its own client settings are used (MASKGATE_SSH), never those of the user who runs the tests.
"""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from firmware_config.host import ROOT_VARIABLE
from firmware_config.ssh import COMMAND_VARIABLE

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Sshd:
    """An sshd on a free port, whose commands see a folder of programs before the system's."""

    def __init__(self, folder: Path, root: Path) -> None:
        """Make keys and settings.

        Args:
            folder: for all of it.
            root: what stands for the host's root folder.
        """
        self.folder, self.root = folder, root
        self.programs = folder / "bin"
        self.log = folder / "sshd.log"
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.programs.mkdir(parents=True)
        for key in ("host_key", "user_key"):
            make_key(folder / key)
        (folder / "authorized_keys").write_bytes((folder / "user_key.pub").read_bytes())
        self._write_settings()
        self.place("python3", f'exec {sys.executable} "$@"')
        self.place("systemctl", SYSTEMCTL)

    @property
    def host(self) -> str:
        """What the commands of maskgate-flash are told."""
        return f"{self.user}@127.0.0.1:{self.port}"

    @property
    def staging(self) -> Path:
        """Where it takes payloads in."""
        return self.root / "var/lib/maskgate-install"

    @property
    def installed(self) -> str | None:
        """Id of the payload that runs there."""
        current = self.root / "opt/maskgate/current"
        return current.readlink().name if current.is_symlink() else None

    @property
    def environment(self) -> dict[str, str]:
        """With which maskgate-flash reaches it."""
        return {
            COMMAND_VARIABLE: f"ssh -F {self.folder / 'ssh_config'}",
            ROOT_VARIABLE: str(self.root),
        }

    def place(self, name: str, script: str) -> None:
        """Put a program where commands are looked for first: a script for sh."""
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def start(self) -> None:
        """Start it, and wait until it listens."""
        assert SSHD
        if os.getuid() == 0:
            # It refuses to start without; Debian's service makes it.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._words(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 10
        while True:
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, "sshd does not listen"
            with suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.01)

    def stop(self) -> None:
        """End it, and the connections that it has."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def _words(self) -> list[str]:
        """The command line of the server."""
        assert SSHD
        return [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")]

    def _write_settings(self) -> None:
        folder = self.folder
        path = f"{self.programs}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        (folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\n"
            f"HostKey {folder / 'host_key'}\n"
            f"AuthorizedKeysFile {folder / 'authorized_keys'}\n"
            # A HOME of its own keeps the user's .bashrc out, which sshd's bash reads.
            f"SetEnv HOME={folder} PATH={path}\n"
            "PidFile none\nStrictModes no\nPermitRootLogin prohibit-password\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel ERROR\n"
        )
        (folder / "ssh_config").write_text(
            "Host *\n"
            f"IdentityFile {folder / 'user_key'}\nIdentitiesOnly yes\nIdentityAgent none\n"
            f"UserKnownHostsFile {folder / 'known_hosts'}\nGlobalKnownHostsFile /dev/null\n"
        )


def make_key(file: Path) -> None:
    """Make a key pair in place of the one that may be there."""
    file.unlink(missing_ok=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )


def command_lines() -> list[str]:
    """What every user of this machine can see of every process."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # It has ended.
            lines.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return lines


SYSTEMCTL = """case "$1" in
    --version) echo "systemd 257 (257.9-1)";;
    is-active) echo active;;
esac"""


class Relay:
    """A network between here and a port: it can be cut, or fall silent, after so many bytes."""

    def __init__(self, port: int, after: int, *, silent: bool = False) -> None:
        """Listen.

        Args:
            port: where to pass everything on to.
            after: bytes towards the port after which nothing more goes either way.
            silent: nobody is told then; otherwise both ends see that the connection is gone.
        """
        self._to, self._silent = port, silent
        self.left = after
        """Bytes until then."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End all of it."""
        self._server.close()
        self._cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            self._ends += [near, far]
            for ends in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, counted: bool) -> None:  # noqa: FBT001
        with suppress(OSError):
            while chunk := source.recv(16_384):
                if counted:
                    self.left -= len(chunk)
                if self.left <= 0:
                    if not self._silent:
                        break
                    continue
                target.sendall(chunk)
        if not self._silent or self.left > 0:
            self._cut()

    def _cut(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
