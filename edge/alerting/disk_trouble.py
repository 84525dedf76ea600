"""What ails the disk under the outbox: said once, tried again, over some day."""

import logging
import math
import time
from pathlib import Path

from edge.alerting.sqlite_file import is_of_the_disk

RETRY_SECONDS = 5.0
"""Pause before the disk is tried again."""
log = logging.getLogger(__name__)


class DiskTrouble:
    """Remembers that a file cannot be used, why, and since when."""

    def __init__(self, path: Path) -> None:
        """Begin without any trouble with that file."""
        self._path = path
        self._since = self._tried = -math.inf
        self.reason: str | None = None
        """Why the file cannot be used; None while it can."""

    def note(self, error: Exception) -> None:
        """The file cannot be used; each new reason is logged."""
        self._tried = time.monotonic()
        if self.reason is None:
            self._since = self._tried
        if self.reason != str(error):
            self.reason = str(error)
            log.error(
                "outbox %s: cannot be used (%s); alerts wait in memory, where a power cut "
                "would lose them: %s",
                self._path,
                error,
                "free some space or replace the card"
                if is_of_the_disk(error)
                else "set outbox.path to another file",
            )

    def is_over(self) -> None:
        """The file can be used again, if it could not."""
        if self.reason is not None:
            log.warning("outbox %s: can be used again", self._path)
            self.reason = None

    def may_be_tried(self) -> bool:
        """Whether there is none, or the last try was long enough ago."""
        return self.reason is None or time.monotonic() >= self._tried + RETRY_SECONDS

    def try_at_once(self) -> None:
        """The next try waits for nothing."""
        self._tried = -math.inf

    def lasts(self) -> float:
        """Seconds for which it has lasted."""
        return 0.0 if self.reason is None else time.monotonic() - self._since
