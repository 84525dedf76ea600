"""Files of the device's system: the unit, and what a profile's boot settings come to."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from firmware_config.profile import Profile

UNIT: Final = Path(__file__).with_name("maskgate.service")
_READ_ONLY: Final = Path(__file__).with_name("read_only")
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
# Wanted by a drop-in, for a payload has no links.
_EARLY: Final = """\
[Unit]
Wants=maskgate-read-only.service
"""
# cloud-init would fail at each boot, as it writes /etc/hosts anew; all that it had to do is done.
# The folder's name stands for all of its units.
_NO_CLOUD_INIT: Final = """\
[Unit]
ConditionPathExists=!/run/maskgate-read-only/on
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
    # On a system that is not written to the log has no other place.
    if boot.journal_in_memory or boot.read_only_root:
        files["etc/systemd/journald.conf.d/90-maskgate.conf"] = _NOTE + _JOURNAL
    if boot.kernel_modules:
        files["etc/modules-load.d/maskgate.conf"] = _NOTE + "\n".join(boot.kernel_modules) + "\n"
    if boot.read_only_root:
        files |= _read_only()
    files |= {path.lstrip("/"): text for path, text in profile.files.items()}
    return {path: text.encode() for path, text in sorted(files.items())}


def _read_only() -> dict[str, str]:
    """What makes the system read-only at each boot, and lets one command write all the same."""
    places = {
        "maskgate-read-only.service": "etc/systemd/system/maskgate-read-only.service",
        "read-only.sh": "usr/local/lib/maskgate/read-only.sh",
        "maskgate-write.sh": "usr/local/sbin/maskgate-write",
    }
    files = {
        place: (_READ_ONLY / name).read_text(encoding="utf-8") for name, place in places.items()
    }
    return {
        **files,
        "etc/systemd/system/sysinit.target.d/maskgate.conf": _NOTE + _EARLY,
        "etc/systemd/system/cloud-.service.d/maskgate.conf": _NOTE + _NO_CLOUD_INIT,
    }
