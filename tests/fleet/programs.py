"""Programs that end with the test, however it ends."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

PATH = "/usr/lib/rabbitmq/bin:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
"""Where Debian has the brokers; what it has of RabbitMQ in /usr/sbin works as root alone."""


def find_program(name: str) -> str | None:
    """Where a program is; None if it is not installed."""
    return shutil.which(name, path=PATH)


class Program:
    """A running program and what it started."""

    def __init__(self, words: list[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        program = find_program(words[0])
        assert program, f"{words[0]} is not installed"
        # The kernel ends it with this process, also where that is killed.
        guarded = ["setpriv", "--pdeathsig", "KILL", "nice", "-n", "5", program, *words[1:]]
        self.log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                guarded, stdout=file, stderr=file, env=env, cwd=log.parent, start_new_session=True
            )

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program and all that it started."""
        if self.runs:
            # Its group has its number, for it began a session.
            os.killpg(self._process.pid, number)

    def stop(self, seconds: float = 10.0) -> None:
        """End it: at first politely."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self._process.wait(seconds)

    def wait_for(self, holds: Callable[[], bool], seconds: float) -> None:
        """Wait until something holds; fail with the program's log if it ends or takes longer."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert self.runs, self.log.read_text()[-2000:]
            assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.05)
