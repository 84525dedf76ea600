"""What the hardware does to protect itself: a Raspberry Pi's firmware or Linux slows it down."""

import shutil
import subprocess
from pathlib import Path

from edge.health.health import Throttling

BITS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
"""Bits 0 to 3 of get_throttled; 16 bits further up they say that it was so since the boot.

https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
"""
OCCURRED = 16
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
COOLING = ("cpufreq", "devfreq")
"""Parts of the names of cooling devices that slow a processor down."""
ASK_SECONDS = 2.0
"""How long the firmware may take to answer."""


def throttling(root: Path = Path("/")) -> Throttling | None:
    """What slows the device down now and since it was booted.

    Args:
        root: the folder that holds sys/ and usr/bin/; another one in tests.

    Returns:
        None where the hardware does not tell.
    """
    bits = _from_firmware(root)
    if bits is not None:
        return decode(bits)
    return _from_cooling(root)


def decode(bits: int) -> Throttling:
    """Say what the bits of a Raspberry Pi's get_throttled mean."""
    return Throttling(
        now=tuple(name for bit, name in enumerate(BITS) if bits >> bit & 1),
        since_boot=tuple(name for bit, name in enumerate(BITS) if bits >> (bit + OCCURRED) & 1),
    )


def _from_firmware(root: Path) -> int | None:
    """Ask a Raspberry Pi's firmware; by the kernel where that has it, else by vcgencmd."""
    try:
        return int((root / FIRMWARE).read_text(), 16)
    except (OSError, ValueError):
        pass
    command = shutil.which("vcgencmd", path=str(root / "usr/bin"))
    if command is None:
        return None
    try:
        said = subprocess.run(  # noqa: S603 - a fixed command
            [command, "get_throttled"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ASK_SECONDS,
            check=False,
        ).stdout
        name, _, bits = said.strip().partition("=")
        return int(bits, 16) if name == "throttled" else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def _from_cooling(root: Path) -> Throttling | None:
    """Look which of Linux' cooling devices are at work, as on a Jetson; these keep no history."""
    states = []
    for device in (root / "sys/class/thermal").glob("cooling_device*"):
        try:
            if any(part in (device / "type").read_text() for part in COOLING):
                states.append(int((device / "cur_state").read_text()))
        except (OSError, ValueError):
            continue
    if not states:
        return None
    return Throttling(now=("frequency capped",) if any(states) else (), since_boot=())
