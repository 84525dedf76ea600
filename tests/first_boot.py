"""For the tests: what a device's system makes of the files that it finds at its first boot.

As a command, fetches cloud-init's schemas and netplan's generator. They are unpacked, not
installed, for installed they would take over this machine's own network. Says why in one line, and
ends well, where that cannot be: the tests of them are skipped then.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FETCHED = Path(sys.prefix) / "share/maskgate/first-boot"
PACKAGES = ("cloud-init", "netplan.io", "libnetplan0")
LIMIT = 120
"""Seconds for fetching 1 MB."""


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


if __name__ == "__main__":
    main()
