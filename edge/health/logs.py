"""Where log lines go, and the newest error among them."""

import logging
import sys
import threading
import time
from types import TracebackType

from edge.errors import STDERR
from edge.health.flood import FloodFilter
from edge.health.health import LastError
from edge.health.journal import SOCKET, JournalHandler, goes_to_journal

LONGEST_ERROR = 500
"""Characters of the newest error that the health shows."""
log = logging.getLogger(__name__)


class ErrorMemory(logging.Handler):
    """Remembers the newest error that was logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.newest: LastError | None = None
        """None when there was none yet."""

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record; of a traceback, only the message."""
        text = " ".join(record.getMessage().split())[:LONGEST_ERROR]
        self.newest = LastError(time.time(), text)


ERRORS = ErrorMemory()
"""Of this process; it begins to remember with `set_up_logging`."""


def set_up_logging() -> None:
    """Log to the journal where standard error leads there, else to standard error as text."""
    handler: logging.Handler
    if goes_to_journal(STDERR) and SOCKET.exists():
        handler = JournalHandler(SOCKET)
        handler.setFormatter(logging.Formatter("%(message)s"))
        # One entry with a priority, instead of a line of text for each line of the traceback.
        sys.excepthook = _log_crash
        threading.excepthook = lambda crash: log.critical(
            "thread %s crashed: %r",
            crash.thread and crash.thread.name,
            crash.exc_value,
            exc_info=crash.exc_value,
        )
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.addFilter(FloodFilter())
    logging.basicConfig(level=logging.INFO, handlers=[handler, ERRORS])


def _log_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("the program crashed: %r", error, exc_info=(kind, error, trace))
