"""The device's clocks: the one that never steps, and the wall clock, with how far to trust it.

A Raspberry Pi has no clock that runs while it is off. Until a time server has answered, the wall
clock may be years wrong, and then jumps. So intervals are measured on the monotonic clock alone,
and times of day say whether they can be trusted.
"""

import ctypes
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ClockTrust = Literal["trusted", "untrusted"]
SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd when it has set the clock; gone after a boot (systemd-timesyncd(8))."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIME_ERROR = 5
"""adjtimex(2) returns it while no time server, or none for hours, has set the clock."""
_TIMEX_BYTES = 512
"""More than struct timex takes anywhere; all zeros, it asks and sets nothing."""


_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Reading:
    """Both clocks, read together."""

    monotonic: float
    """Seconds on a clock that never steps, since some moment of this boot."""
    wall: float
    """Seconds since the Unix epoch, as the device believes."""
    trust: ClockTrust
    """Whether the wall clock was set by a time server since the device was switched on."""

    @property
    def began(self) -> float:
        """Seconds since the Unix epoch when the monotonic clock was zero, by this wall clock."""
        return self.wall - self.monotonic

    def wall_at(self, monotonic: float) -> float:
        """Seconds since the Unix epoch at another monotonic time of this boot, 0 or more."""
        return max(0.0, self.began + monotonic)


class Clock:
    """Reads the clocks of this device."""

    def __init__(self, synchronised: Path = SYNCHRONISED) -> None:
        """Find out what boot this is.

        Args:
            synchronised: a file that is there when the wall clock can be trusted, whatever the
                kernel says.
        """
        self._synchronised = synchronised
        self.boot = _boot_id()
        """Names the boot; monotonic times of another one mean nothing in this."""

    def read(self) -> Reading:
        """Both clocks as of now."""
        # Trust first: a clock that is set in between is then called untrusted, never the other way.
        trust: ClockTrust = "trusted" if self._is_trusted() else "untrusted"
        return Reading(time.monotonic(), time.time(), trust)

    def _is_trusted(self) -> bool:
        return _kernel_trusts_it() or self._synchronised.exists()


def _kernel_trusts_it() -> bool:
    """Whether the kernel takes its clock for synchronised; chrony, ntpd and timesyncd tell it."""
    state: int = _LIBC.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return 0 <= state < _TIME_ERROR


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return str(uuid.uuid4())  # A boot of its own: nothing is taken for more than it is.
