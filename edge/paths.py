"""What a path must be before it is read or written."""

import os
from pathlib import Path

from edge.errors import MaskGateError


def check_name(name: str, what: str) -> None:
    """Refuse a name that is not UTF-8: OpenCV crashes on it, and no CSV can hold it.

    Args:
        name: a path as Python holds it, bytes that are not UTF-8 as lone surrogates.
        what: the kind of thing, for the message, e.g. "video".

    Raises:
        MaskGateError: it is not UTF-8.
    """
    try:
        name.encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(name).decode(errors="backslashreplace")
        raise MaskGateError(f"{what} {shown}: its name is not UTF-8; rename it") from error


def check_place(path: Path, what: str) -> None:
    """Refuse a path where no file can be made or replaced, before any work is done.

    Args:
        path: the file to make.
        what: the kind of thing, for the message, e.g. "recording".

    Raises:
        MaskGateError: something else than a file is there (a folder, a device, a pipe), or the
            folder is missing or not writable.
    """
    try:
        if not path.parent.is_dir():
            raise MaskGateError(f"{what} {path}: no folder {path.parent}; make it first")
        if path.exists() and not path.is_file():
            raise MaskGateError(
                f"{what} {path}: a device, pipe or folder is there; name another file"
            )
    except OSError as error:
        raise MaskGateError(f"{what} {path}: {error.strerror}; name another file") from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise MaskGateError(
            f"{what} {path}: this user may not write into {path.parent}; name another file"
        )


def check_not_same(path: Path, source: Path, what: str) -> None:
    """Refuse to replace the very file that is read.

    Args:
        path: the file to make.
        source: the file that is read.
        what: the kind of thing to make, for the message.

    Raises:
        MaskGateError: both are one file, be it by a link.
    """
    try:
        same = path.samefile(source)
    except OSError:  # one of them is not there, so nothing is lost
        same = False
    if same:
        raise MaskGateError(
            f"{what} {path}: is the file that is read, {source}, and would replace it; "
            "name another file"
        )


def reason(error: OSError) -> str:
    """Why a file cannot be read, with the way out where there is a usual one."""
    if isinstance(error, PermissionError):
        return "permission denied; let this user read it ('chmod a+r', folders 'chmod a+rx')"
    return str(error.strerror)
