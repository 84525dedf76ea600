"""The command line of install.py."""

import argparse
import errno
import os
from pathlib import Path

from .install import CANNOT, install, take_lock
from .payload import read_payload
from .places import Places
from .read_only import write_all_the_same
from .remove import remove
from .service import Patience
from .status import status
from .steps import InstallError, tell
from .system import System


def main(folder: Path) -> int:
    """Do what the command line says.

    Args:
        folder: the payload's, where install.py lies.

    Returns:
        The exit code: 0 done, 3 rolled back, 2 cannot.
    """
    words = _parser().parse_args()
    places = Places(words.root.resolve())
    system = System(places, words.systemctl)
    # Whoever runs this may keep all to himself; the service's user must read the program.
    os.umask(0o022)
    try:
        if words.what == "status":
            return status(places, system)
        if not places.is_a_test and os.geteuid() != 0:
            raise InstallError("this user may not install anything; run it as root: sudo python3 …")
        write_all_the_same(places)
        lock = take_lock(places)
        try:
            if words.what == "remove":
                return remove(places, system, purge=words.purge)
            return install(places, system, read_payload(folder), Patience(*words.patience))
        finally:
            os.close(lock)
    except InstallError as error:
        tell(words.what, "failed", str(error))
    except OSError as error:
        room = "free some space and " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        why = f"{error.filename or 'disk'}: {error.strerror}; {room}run this again"
        tell(words.what, "failed", why)
    return CANNOT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="install.py", description="Installs MaskGate on this device, or removes it."
    )
    commands = parser.add_subparsers(dest="what", required=True)
    for name, text in (
        ("install", "put this payload in place of what runs, or go back to it"),
        ("remove", "take MaskGate away; what it has not sent yet stays"),
        ("status", "say what is installed"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--root", type=Path, default=Path("/"), help="for tests: a folder")
        command.add_argument("--systemctl", help=argparse.SUPPRESS)
        command.add_argument(
            "--patience", type=float, nargs=2, default=Patience(), help=argparse.SUPPRESS
        )
        if name == "remove":
            command.add_argument("--purge", action="store_true", help="the unsent alerts too")
    return parser
