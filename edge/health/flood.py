"""No flood in the log: what repeats itself is told a few times, then now and then, with a count."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

BURST = 5
"""Lines of one kind that pass at once."""
REFILL_SECONDS = 600.0
"""After the burst, one line of a kind passes in this time."""
MOST_KINDS = 500
"""Kinds of lines that are remembered."""
Kind = tuple[str, int, int, str]


@dataclass(slots=True)
class _Allowance:
    left: float = BURST
    at: float = 0.0
    held_back: int = 0
    since: float = 0.0


class FloodFilter(logging.Filter):
    """Holds back log lines that come too often.

    Lines are of one kind if the same line of the program logs them about the same thing, its first
    argument: a second camera is told of, however much the first one has to say.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._kinds: OrderedDict[Kind, _Allowance] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line passes; one that does says how many did not since the last that did."""
        with self._lock:
            now = self._clock()
            known = self._of(_kind(record), now)
            known.left = min(BURST, known.left + (now - known.at) / REFILL_SECONDS)
            known.at = now
            if known.left < 1:
                known.since = known.since if known.held_back else now
                known.held_back += 1
                return False
            known.left -= 1
            held_back, known.held_back = known.held_back, 0
        if held_back:
            minutes = (now - known.since) / 60
            record.msg = f"{record.getMessage()} ({held_back} more like it in {minutes:.0f} min)"
            record.args = None
        return True

    def _of(self, kind: Kind, now: float) -> _Allowance:
        known = self._kinds.setdefault(kind, _Allowance(at=now))
        self._kinds.move_to_end(kind)
        if len(self._kinds) > MOST_KINDS:
            self._kinds.popitem(last=False)
        return known


def _kind(record: logging.LogRecord) -> Kind:
    about = record.args[0] if isinstance(record.args, tuple) and record.args else ""
    about = "" if isinstance(about, int | float) else str(about)
    return record.pathname, record.lineno, record.levelno, about
