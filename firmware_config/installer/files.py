"""Files, folders and links that are there whole or not at all, also after a power cut."""

import ctypes
import hashlib
import os
import shutil
import zipfile
from pathlib import Path

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
"""Of Linux's renameat2(2)."""


def write_whole(
    path: Path, content: bytes, mode: int = 0o644, owner: tuple[int, int] = (0, 0)
) -> None:
    """Put a file in the place of the one that may be there.

    Nothing is written through a link, and the folder may be an unprivileged user's.
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(part, flags, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123
            file.write(content)
            file.flush()
            if os.geteuid() == 0:
                os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
    except OSError as error:
        part.unlink()
        error.filename = str(path)  # A disk that is full does not say by itself where.
        raise
    part.replace(path)
    sync(path.parent)


def link_whole(path: Path, target: str) -> None:
    """Have a link lead somewhere else, in one go."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    part.symlink_to(target)
    part.replace(path)
    sync(path.parent)


def exchange(one: Path, other: Path) -> None:
    """Swap two folders of one file system, in one go."""
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.renameat2(
        _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE
    )
    if done != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(one))
    sync(one.parent)


def sync(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_folder(folder: Path) -> bool:
    """Remove a folder with all that is in it; whether there was one."""
    if folder.is_symlink() or not folder.exists():
        return False
    shutil.rmtree(folder)
    return True


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def installed_size(path: Path) -> int:
    """Bytes that a file takes once it is installed; of a wheel, with its compiled modules."""
    if path.suffix != ".whl" or not zipfile.is_zipfile(path):
        return path.stat().st_size
    with zipfile.ZipFile(path) as wheel:
        return sum(
            entry.file_size * (2 if entry.filename.endswith(".py") else 1)
            for entry in wheel.infolist()
        )
