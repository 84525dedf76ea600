"""Work done one after the other on a thread of its own."""

import queue
import threading
from collections.abc import Callable

MOST_WAITING = 8
"""Pieces of work that wait for the one that is being done."""


class Lane:
    """A bounded queue with a thread behind it."""

    def __init__(self, name: str) -> None:
        self._waiting: queue.Queue[Callable[[], object] | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def add(self, work: Callable[[], object]) -> bool:
        """Have something done when all before it is; it must raise nothing.

        Returns:
            False, at once, where too much waits already.
        """
        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            return False
        return True

    def close(self, timeout: float) -> None:
        """Do nothing more; what is being done has so many seconds to end."""
        try:
            self._waiting.put(None, timeout=timeout)
        except queue.Full:
            return  # The thread ends with the program.
        self._thread.join(timeout)

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            work()
