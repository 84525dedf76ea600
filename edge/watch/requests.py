"""What other threads want done on the thread that watches, between two frames."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from edge.errors import MaskGateError

MOST_WAITING = 16
"""Requests that wait at most."""

T = TypeVar("T")


class Requests:
    """A short queue of what is to be done. Any thread puts in, one takes out."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Future[Any], Callable[[], object]]] = deque()

    def add(self, action: Callable[[], T]) -> "Future[T]":
        """Ask for something.

        Returns:
            Its result, or what it raised, when it is done; a MaskGateError at once where too many
            wait already. Cancelled when it will not be done any more.
        """
        future: Future[T] = Future()

        def act() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(action())
                except Exception as error:  # noqa: BLE001 - for whoever asked for it
                    future.set_exception(error)

        if len(self._waiting) >= MOST_WAITING:
            future.set_exception(MaskGateError("the device is busy; ask again in a while"))
        else:
            self._waiting.append((future, act))
        return future

    def serve(self) -> None:
        """Do what waits, in order."""
        while self._waiting:
            _, act = self._waiting.popleft()
            act()

    def cancel(self) -> None:
        """Do nothing more, and let nobody wait for it."""
        while self._waiting:
            future, _ = self._waiting.popleft()
            future.cancel()
