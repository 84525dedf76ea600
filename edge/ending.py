"""When to end: a signal asks for it, or the seconds are over; and what other signals ask for."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class End:
    """Says when it is time to end; has SIGINT and SIGTERM for as long as it is entered.

    To be entered on the main thread, which has the signals.
    """

    def __init__(
        self, seconds: float | None, on_signal: Callable[[], object] | None = None
    ) -> None:
        """Set the time.

        Args:
            seconds: until the end, from now; None for no limit.
            on_signal: ends a wait that would otherwise go on; called in the signal handler.
        """
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._on_signal = on_signal
        self.asked = False
        """Whether a signal asked to end."""

    def left(self, most: float) -> float:
        """Seconds until the end, at most so many; 0 when it is time."""
        if self.asked:
            return 0.0
        if self._deadline is None:
            return most
        return min(most, max(0.0, self._deadline - time.monotonic()))

    def __enter__(self) -> "End":
        self._before = {
            number: signal.signal(number, self._signalled)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        if self._on_signal is not None:
            self._on_signal()


@contextmanager
def tidied_on_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind what is going on, as Ctrl-C does, so that nothing half-done is left."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def on_sighup(action: Callable[[], object]) -> Iterator[None]:
    """Have something done on SIGHUP, in the signal handler; on the main thread."""
    before = signal.signal(signal.SIGHUP, lambda _number, _frame: action())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
