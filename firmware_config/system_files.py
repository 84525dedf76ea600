"""Files of the device's system: the unit, and what a profile's boot settings come to."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from firmware_config.profile import Profile

UNIT: Final = Path(__file__).with_name("maskgate.service")
_NOTE: Final = "# Written by maskgate-flash.\n"
_USER: Final = """\
u maskgate - "MaskGate" /var/lib/maskgate
m maskgate video
m maskgate render
"""
# Without a battery the clock stands still while a device is off; what it was last is saved often,
# so that it starts less than a minute behind, and certificates are valid.
_CLOCK: Final = """\
[Time]
SaveIntervalSec=60
"""
# A Raspberry Pi's watchdog counts 16 seconds at most.
_WATCHDOG: Final = """\
[Manager]
RuntimeWatchdogSec=15
RebootWatchdogSec=2min
"""
_JOURNAL: Final = """\
[Journal]
Storage=volatile
RuntimeMaxUse=32M
"""


def system_files(profile: "Profile") -> dict[str, bytes]:
    """The files, by their paths relative to /, that a device of this profile gets."""
    files = {
        "etc/systemd/system/maskgate.service": UNIT.read_text(encoding="utf-8"),
        "etc/sysusers.d/maskgate.conf": _NOTE + _USER,
        "etc/systemd/timesyncd.conf.d/maskgate.conf": _NOTE + _CLOCK,
    }
    boot = profile.boot
    if boot.watchdog:
        files["etc/systemd/system.conf.d/90-maskgate.conf"] = _NOTE + _WATCHDOG
    if boot.journal_in_memory:
        files["etc/systemd/journald.conf.d/90-maskgate.conf"] = _NOTE + _JOURNAL
    if boot.kernel_modules:
        files["etc/modules-load.d/maskgate.conf"] = _NOTE + "\n".join(boot.kernel_modules) + "\n"
    files |= {path.lstrip("/"): text for path, text in profile.files.items()}
    return {path: text.encode() for path, text in sorted(files.items())}
