"""The host's tools, by the Debian packages that bring them."""

import shutil
import subprocess
from collections.abc import Sequence

import pytest

PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "qemu-system-aarch64": "qemu-system-arm",
    "mformat": "mtools",
    "mcopy": "mtools",
    "sfdisk": "fdisk",
    "mke2fs": "e2fsprogs",
    "depmod": "kmod",
    "systemd-sysusers": "systemd",
    "ssh": "openssh-client",
}
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
IN_THE_BACKGROUND = ("nice", "-n", "19")
"""What takes minutes leaves the machine to others."""


def need_tools() -> None:
    """Skip the test where a tool is missing."""
    missing = {PACKAGES[tool] for tool in PACKAGES if not shutil.which(tool, path=SEARCHED)}
    if missing:
        pytest.skip(f"not installed: {', '.join(sorted(missing))}")


def call(*words: object, said: bytes | None = None) -> bytes:
    """Run a tool to its end.

    Args:
        words: the tool and its arguments.
        said: what it reads from standard input.

    Returns:
        What it wrote to standard output.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    line: Sequence[str] = (*IN_THE_BACKGROUND, *map(str, words))
    done = subprocess.run(
        line,
        input=said,
        capture_output=True,
        check=False,
        env={"PATH": SEARCHED, "LC_ALL": "C.UTF-8", "MTOOLS_SKIP_CHECK": "1"},
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(line)}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout
