"""A camera read by a process of its own, which can be ended when its driver hangs."""

import json
import logging
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from edge.errors import MaskGateError
from edge.sources.cameras import look_for
from edge.sources.frame_memory import FrameMemory, new_memory
from edge.sources.reader import ASK, BYE
from edge.sources.source import SourceAway
from edge.sources.wanted import Wanted
from edge.values import Pixels

OPEN_LIMIT = 8.0
"""Seconds that a camera may take to open, with the start of the process."""
PATIENCE = 1.0
"""Seconds that the process has to close the camera before it is killed."""
MOST_STUCK = 3
"""Processes that not even a kill has ended, for they hang within the kernel; with so many, no more
are started."""
STEP = 0.1
"""Seconds between looks at whether anybody still wants the pictures."""
_START = "import sys; sys.path[0] = sys.argv[1]; from edge.sources.reader import main; main()"

log = logging.getLogger(__name__)
_stuck: "list[subprocess.Popen[bytes]]" = []


class CameraApart:
    """A camera, read by a process of its own. One thread opens, reads and closes it."""

    interval = 0.0
    live = True
    broken = None

    def __init__(self, name: str, wanted: Wanted, unwanted: threading.Event) -> None:
        """Start the process and wait until it has opened the camera.

        Args:
            name: the camera's, for messages.
            wanted: which camera, and what is asked of it.
            unwanted: set when nobody wants its pictures any more, so that no wait goes on.

        Raises:
            SourceAway: it is not there, does not answer, or hangs.
            MaskGateError: it can never be, or refuses what is asked of it.
        """
        look_for(wanted.source)
        _require_no_more_stuck(name)
        self._name, self._silence, self._unwanted = name, wanted.silence, unwanted
        self.skipped = 0
        """Pictures that came since the one before the last read, and were read by nobody."""
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        memory = new_memory()
        self._memory = FrameMemory(memory)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", _START, _root(), str(theirs.fileno()), str(memory)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), memory),
                start_new_session=True,
            )
        try:
            self._channel.send(wanted.to_json())
            self._hear("opened", OPEN_LIMIT, f"does not open within {OPEN_LIMIT:g} s")
        except BaseException:
            self.close()
            raise

    def read(self) -> Pixels | None:
        """The next picture; None when the camera has broken off, or is unwanted.

        Raises:
            SourceAway: it hangs, or what reads it has crashed.
        """
        self._say(ASK)
        found = self._hear("frame", self._silence, f"no picture for {self._silence:g} s, it hangs")
        if found is None:
            return None
        height, width, skipped = found
        self.skipped = skipped
        return self._memory.read(height, width)

    def close(self) -> None:
        """Have the camera closed, or kill what holds it."""
        self._say(BYE)
        if not self._ends_within(PATIENCE):
            self._process.kill()
            if not self._ends_within(PATIENCE):
                log.error("camera %s: its driver keeps process %d", self._name, self._process.pid)
                _stuck.append(self._process)
        self._channel.close()
        self._memory.close()

    def _ends_within(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _say(self, word: bytes) -> None:
        try:
            self._channel.send(word)
        except OSError:
            return  # What comes next is that it has ended.

    def _hear(self, awaited: str, limit: float, otherwise: str) -> Any:
        """Wait for a message; None when the camera has broken off or is unwanted."""
        deadline = time.monotonic() + limit
        while not self._unwanted.is_set():
            if time.monotonic() > deadline:
                raise SourceAway(f"camera {self._name}: {otherwise}")
            if not select.select([self._channel], [], [], STEP)[0]:
                continue
            message = self._message()
            if "log" in message:
                log.log(*message["log"])
            elif "ended" in message:
                return None
            elif awaited in message:
                return message[awaited]
        return None

    def _message(self) -> dict[str, Any]:
        try:
            text = self._channel.recv(65536)
        except OSError:
            text = b""
        if not text:
            code = self._process.wait(PATIENCE)
            raise SourceAway(f"camera {self._name}: what reads it has crashed ({_ending(code)})")
        message: dict[str, Any] = json.loads(text)
        if "away" in message:
            raise SourceAway(message["away"])
        if "refused" in message:
            raise MaskGateError(message["refused"])
        return message


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _require_no_more_stuck(name: str) -> None:
    _stuck[:] = [process for process in _stuck if process.poll() is None]
    if len(_stuck) >= MOST_STUCK:
        pids = ", ".join(str(process.pid) for process in _stuck)
        raise SourceAway(
            f"camera {name}: not opened, for drivers hold the processes {pids}; unplug the cameras "
            "that hang, or restart the device"
        )


def _root() -> str:
    return str(Path(__file__).parents[2])
