"""For the tests: what a device's system makes of the files that it finds at its first boot.

As a command, fetches cloud-init's schemas and netplan's generator. They are unpacked, not
installed, for installed they would take over this machine's own network. Says why in one line, and
ends well, where that cannot be: the tests of them are skipped then.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FETCHED = Path(sys.prefix) / "share/maskgate/first-boot"
PACKAGES = ("cloud-init", "netplan.io", "libnetplan0")
LIMIT = 120
"""Seconds for fetching 1 MB."""
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


def main() -> None:
    """Fetch into the folder given on the command line."""
    folder = Path(sys.argv[1])
    try:
        fetch(folder)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"no cloud-init and netplan to check with ({error}): their tests are skipped")


def fetch(folder: Path) -> None:
    """Fetch and unpack; the folder is complete once it holds a file called ready."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise ValueError("this is no Debian")
    print(f"fetching what checks the files of a first boot, for the tests, into {folder}")
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(
            ["apt-get", "download", "-qq", *PACKAGES],
            cwd=name, check=True, timeout=LIMIT, capture_output=True,
        )  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        for package in Path(name).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    (folder / "ready").touch()


def found(pattern: str) -> Path | None:
    """A file of what was fetched."""
    return next(iter(sorted(FETCHED.glob(pattern))), None)


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
            ["unshare", "--mount", "sh", "-c", _OVERLAY, "-", place, boot, commands],
            capture_output=True,
            text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )


if __name__ == "__main__":
    main()
