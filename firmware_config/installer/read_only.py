"""A system that is read-only but for those who are let write to it."""

import os
import sys

from .payload import Payload
from .places import Places
from .steps import InstallError, tell

PROGRAM = "system/usr/local/sbin/maskgate-write"
"""Runs a command that may write. A payload that has it wants a system that is read-only."""
WRITE = "run/maskgate-read-only/maskgate-write"
"""The same on a system that is read-only now."""


def is_read_only(places: Places) -> bool:
    """Whether this process cannot write to the system."""
    return not places.is_a_test and bool(os.statvfs("/").f_flag & os.ST_RDONLY)


def write_all_the_same(places: Places) -> None:
    """Go on as a process that may write, if this one may not.

    Raises:
        InstallError: nobody may; the disk is read-only.
    """
    if not is_read_only(places):
        return
    tool = places.root / WRITE
    if not tool.exists():
        raise InstallError("/: it is read-only; reboot it, and if it still is, dmesg says why")
    os.execv("/bin/sh", ["sh", str(tool), sys.executable, *sys.argv])  # noqa: S606


def tell_read_only(places: Places, payload: Payload) -> None:
    """Say it where the system is not yet, or still, read-only."""
    wanted = PROGRAM in payload.files
    is_now = (places.root / WRITE).with_name("on").exists()
    if wanted != is_now:
        what = "the system is read-only" if wanted else "it is writable"
        tell("read-only", "skipped", f"{what} from the next start on; reboot it when it suits")
