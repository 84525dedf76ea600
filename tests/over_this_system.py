"""Runs commands as root on a copy of this machine's own system, which stays as it is."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
"""Of commands there."""
_OVERLAY = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/changed" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/changed,workdir=$1/work" "$1/root"
mount --rbind /dev "$1/root/dev"
mount --rbind /proc "$1/root/proc"
mkdir -p "$1/root/boot/firmware"
mount --bind "$2" "$1/root/boot/firmware"
exec chroot "$1/root" /bin/bash -c "$3"
"""


def can_overlay() -> bool:
    """Whether a system can be laid over this machine's own, which then stays as it is."""
    if os.geteuid() or not shutil.which("unshare") or not Path("/etc/debian_version").exists():
        return False
    with tempfile.TemporaryDirectory() as boot:
        return run_over_this_system(Path(boot), "true").returncode == 0


def run_over_this_system(boot: Path, commands: str) -> subprocess.CompletedProcess[str]:
    """Run commands as root in a copy of this machine's system, which is gone afterwards.

    Args:
        boot: a folder that is /boot/firmware there, and keeps what is changed.
        commands: for bash.
    """
    with tempfile.TemporaryDirectory() as place:
        return subprocess.run(
            words_over_this_system(Path(place), boot, commands),
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )


def words_over_this_system(place: Path, boot: Path, commands: str) -> list[str]:
    """The command line that does so, for who ends it himself.

    Args:
        place: an empty folder.
        boot: as above.
        commands: for bash, the last of which may be `exec`.
    """
    return ["unshare", "--mount", "sh", "-c", _OVERLAY, "-", str(place), str(boot), commands]


needs_overlay = pytest.mark.skipif(
    not can_overlay(), reason="needs root, and an overlay of this Debian"
)
