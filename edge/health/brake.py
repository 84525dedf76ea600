"""The restart brake: a program that keeps ending early is started ever more slowly, for ever."""

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from edge.health.systemd import Systemd

FREE = 2
"""Restarts without a pause: most of what goes wrong once does not go wrong again."""
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0
"""Seconds before the start; doubled with each start that ended early."""
STEADY_SECONDS = 600.0
"""A run in which frames were processed for this long was a good one."""
log = logging.getLogger(__name__)


class Brake:
    """Counts the starts in a row that ended early, and has the next one wait.

    The count is kept in the service's runtime folder, in memory: it costs the SD card nothing and
    needs no clock. systemd 254 has a brake of its own (RestartSteps), but older ones, such as
    those of Raspberry Pi OS bookworm and JetPack 6, have none. What crashes before this is reached
    has only RestartSec.
    """

    def __init__(self, systemd: Systemd, environment: Mapping[str, str] = os.environ) -> None:
        """Find the folder; without one, outside a service, nothing is counted."""
        self._systemd = systemd
        folder = environment.get("RUNTIME_DIRECTORY", "").split(":")[0]
        self._file = Path(folder) / "early-ends" if folder else None

    def wait(self, rest: Callable[[float], object]) -> None:
        """Wait as long as the starts before this one ask for, and count this one.

        Args:
            rest: waits so many seconds; whoever asks to end ends it by an exception.
        """
        if self._file is None:
            return
        before = self._count()
        self._note(before + 1)
        seconds = pause(before)
        if seconds:
            text = f"{before} starts in a row ended early; the next begins in {seconds:g} s"
            log.warning(text)
            self._systemd.status(text)
            self._systemd.extend(seconds + LONGEST_PAUSE)
            try:
                rest(seconds)
            except BaseException:
                self.release()
                raise

    def release(self) -> None:
        """Forget the starts before this one: it is a good one, or was asked to end."""
        if self._file is not None:
            self._note(0)

    def _count(self) -> int:
        try:
            text = self._file.read_text(encoding="ascii") if self._file else ""
        except (OSError, UnicodeDecodeError):
            return 0
        return min(int(text), 1000) if text.isdecimal() and len(text) < 9 else 0

    def _note(self, count: int) -> None:
        if self._file is None:
            return
        try:
            if count:
                self._file.write_text(f"{count}", encoding="ascii")
            else:
                self._file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("the restart brake cannot count (%s)", error)


def pause(early_ends: int) -> float:
    """Seconds to wait after so many starts in a row that ended early."""
    if early_ends <= FREE:
        return 0.0
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(early_ends - FREE - 1, 16))
