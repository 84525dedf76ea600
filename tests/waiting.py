"""Free ports, waiting for what should come true, and programs that are killed meanwhile."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something holds; fail if it takes longer."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def said_until_killed(code: str, *words: str, lines: int) -> list[int]:
    """The numbers, one a line, that a Python program says before it is killed.

    It is killed after so many lines; it may have said more by then.
    """
    with subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    ) as process:
        assert process.stdout
        said = [int(process.stdout.readline()) for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        said += [int(line) for line in process.stdout if line.endswith(b"\n")]
    return said
