"""Stand-ins for the service manager: its socket, and a journal daemon of its own."""

import json
import shutil
import socket
import subprocess
import threading
import uuid
from pathlib import Path
from typing import Any


class ServiceManager:
    """Listens where systemd would, and remembers what it was told."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self.said: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def environment(self, watchdog: float | None = None) -> dict[str, str]:
        """The variables that a service gets."""
        variables = {"NOTIFY_SOCKET": str(self.path)}
        if watchdog is not None:
            variables["WATCHDOG_USEC"] = f"{int(watchdog * 1e6)}"
        return variables

    def count(self, message: str) -> int:
        """How often it was told this."""
        return sum(message in said for said in self.said)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._socket.close()

    def _listen(self) -> None:
        while data := self._socket.recv(65_536):
            self.said.append(data.decode())


class Journal:
    """A journal daemon of its own namespace; needs root and systemd's tools."""

    DAEMON = shutil.which("systemd-journald", path="/usr/lib/systemd:/lib/systemd")
    READER = shutil.which("journalctl")

    def __init__(self) -> None:
        self.namespace = f"maskgate-{uuid.uuid4().hex[:12]}"
        self.folder = Path(f"/run/systemd/journal.{self.namespace}")
        self.socket = self.folder / "socket"
        assert self.DAEMON is not None
        self._process = subprocess.Popen([self.DAEMON, self.namespace], stderr=subprocess.DEVNULL)

    def entries(self) -> list[dict[str, Any]]:
        """What the program has logged so far."""
        assert self.READER is not None
        done = subprocess.run(
            [self.READER, f"--namespace={self.namespace}", "-o", "json", "-t", "maskgate"],
            capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
        return [json.loads(line) for line in done.stdout.splitlines()]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)
        for logs in (Path("/var/log/journal"), Path("/run/log/journal")):
            for folder in logs.glob(f"*.{self.namespace}"):
                shutil.rmtree(folder, ignore_errors=True)
