"""How the hardware is doing, looked at every few seconds."""

import logging
import threading
import time
from pathlib import Path

from edge.health.health import Throttling
from edge.health.shedding import Shedder
from edge.health.temperature import hottest
from edge.health.throttling import throttling

LOOK_SECONDS = 10.0
"""Between two looks."""
STOP_SECONDS = 3.0
"""How long a look may take to end; it is left to itself then."""
log = logging.getLogger(__name__)


class Hardware:
    """Looks at temperature and throttling, on a thread of its own, and has frames skipped by it.

    A look may take its time: the firmware of a Raspberry Pi is asked by another program.
    """

    def __init__(self, shedder: Shedder, root: Path = Path("/")) -> None:
        """Prepare to look.

        Args:
            shedder: is told how things are.
            root: the folder that holds sys/ and usr/bin/.
        """
        self._shedder, self._root = shedder, root
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hardware", daemon=True)
        self.temperature: float | None = None
        """°C of the hottest part; None where the hardware does not tell."""
        self.throttling: Throttling | None = None
        """None where the hardware does not tell."""

    def __enter__(self) -> "Hardware":
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while True:
            try:
                self.temperature = hottest(self._root)
                self.throttling = throttling(self._root)
                self._shedder.judge(self.temperature, self.throttling, time.monotonic())
            except Exception:
                log.exception("temperature and throttling could not be looked at")
            if self._stopping.wait(LOOK_SECONDS):
                return
