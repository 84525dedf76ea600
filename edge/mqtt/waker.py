"""Waking a thread that waits for the network."""

import select
import socket
from contextlib import suppress


class Waker:
    """Lets any thread end another's wait for the network early."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.settimeout(0)
        self._writer.settimeout(0)

    def wake(self) -> None:
        """End the present wait, or the next one."""
        with suppress(OSError):  # Enough bytes wait there already, or nobody waits any more.
            self._writer.send(b"!")

    def fileno(self) -> int:
        """What to wait for."""
        return self._reader.fileno()

    def clear(self) -> None:
        """Take note of all wakes so far."""
        with suppress(BlockingIOError):
            self._reader.recv(65_536)

    def wait(self, seconds: float) -> None:
        """Wait for a wake, at most so long."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        poll.poll(max(0.0, seconds) * 1000)
        self.clear()

    def close(self) -> None:
        """Give the sockets back."""
        self._reader.close()
        self._writer.close()
