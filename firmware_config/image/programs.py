"""Runs the programs that know file systems: mtools, dosfstools, e2fsprogs."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from edge.errors import MaskGateError

_PACKAGES = {
    "mcopy": "mtools",
    "mdir": "mtools",
    "mmd": "mtools",
    "fsck.fat": "dosfstools",
    "debugfs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "lsblk": "util-linux",
}
"""Debian's packages."""
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
"""Where they are looked for: a user's PATH may lack what checks file systems."""


def is_there(program: str) -> bool:
    """Whether a program is installed."""
    return shutil.which(program, path=_PATH) is not None


def run_program(
    words: Sequence[str | os.PathLike[str]],
    *,
    environment: Mapping[str, str] | None = None,
    keep: Sequence[int] = (),
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end.

    Args:
        words: the program and what it is told.
        environment: what its environment has beside a plain one: English, and no user's settings.
        keep: file descriptors that it may use.

    Returns:
        Its exit code and what it said.

    Raises:
        MaskGateError: it is not installed.
    """
    name = os.fspath(words[0])
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise MaskGateError(
            f"{name}: it is needed for images and cards, and not installed; install Debian's "
            f"package {_PACKAGES.get(name, name)}"
        )
    return subprocess.run(  # noqa: S603
        [found, *words[1:]],
        env={"PATH": _PATH, "LC_ALL": "C", **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        pass_fds=keep,
        check=False,
    )


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """What a program said, on one line."""
    return " ".join((done.stderr + done.stdout).decode(errors="replace").split())
