"""Writes an image to a card: never to anything else, and verified."""

import contextlib
import errno
import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import click

from edge.errors import MaskGateError, as_shown
from firmware_config.disks import Disk, contents, look_at, require_fit, what_is_in_use
from firmware_config.image.partitions import find_partitions

CHUNK = 4 << 20
"""Bytes that are written at a time, and flushed, so that the progress is the card's."""
_DROP_BUFFERS = 0x1261
"""BLKFLSBUF of linux/fs.h: what was read of a disk is forgotten."""


def write_card(image: Path, card: Path, *, ask: Callable[[str], str] = click.prompt) -> None:
    """Write an image to a card, and read it back, with progress; both take minutes.

    Args:
        image: raw, as `prepare_image` makes it.
        card: the device; everything on it is lost.
        ask: puts a question to a person, and gives the answer.

    Raises:
        MaskGateError: the image is none; the device is no card that may be erased, the answer is
            not its name, it cannot be written, or reads back otherwise.
    """
    try:
        source = image.open("rb")
    except OSError as error:
        raise MaskGateError(f"image {image}: it cannot be read ({error.strerror})") from error
    with source:
        # Not a packed one, nor anything else that no device would start from.
        find_partitions(image, image)
        size = os.fstat(source.fileno()).st_size
        disk = look_at(card)
        require_fit(disk, size, what_is_in_use())
        _confirm(disk, ask)
        # While a person thought, it may have been swapped or mounted.
        again = look_at(card)
        require_fit(again, size, what_is_in_use())
        if (again.title(), again.number) != (disk.title(), disk.number):
            raise MaskGateError(f"CARD {card}: it is another one by now; nothing was written")
        with _opened(disk) as descriptor:
            write_through(source, descriptor, disk.path)
            verify(source, descriptor, disk.path)
    click.echo(f"{disk.path}: written and verified; it can be taken out", err=True)


def write_through(image: IO[bytes], descriptor: int, name: str) -> None:
    """Write an image to an open device.

    The first chunk, which has the partition table, comes last: a card whose writing was broken off
    does not look like one that works.

    Args:
        image: an open file.
        descriptor: the device, open for writing.
        name: what the device is called in messages.

    Raises:
        MaskGateError: it takes less than all, or fails.
    """
    size = os.fstat(image.fileno()).st_size
    image.seek(0)
    first = image.read(CHUNK)
    try:
        with _progress(size, f"writing {name}") as advance:
            _write_at(descriptor, bytes(len(first)), 0)
            for place, chunk in _chunks(image, len(first)):
                _write_at(descriptor, chunk, place)
                os.fdatasync(descriptor)
                advance(len(chunk))
            _write_at(descriptor, first, 0)
            os.fsync(descriptor)
            advance(len(first))
    except OSError as error:
        raise MaskGateError(
            f"CARD {name}: writing failed ({_in_words(error)}); it is not usable as it is: try "
            "again, then another card or reader"
        ) from error


def verify(image: IO[bytes], descriptor: int, name: str) -> None:
    """Read back what an open device holds, from the device itself, and compare.

    Raises:
        MaskGateError: it differs, or cannot be read.
    """
    size = os.fstat(image.fileno()).st_size
    try:
        _forget(descriptor, size)
        with _progress(size, f"verifying {name}") as advance:
            for place, chunk in _chunks(image, 0):
                if _read_at(descriptor, len(chunk), place) != chunk:
                    raise MaskGateError(
                        f"CARD {name}: near byte {place:,} it reads back other than it was "
                        "written; the card or its reader is broken, or it has less room than it "
                        "says: take another"
                    )
                advance(len(chunk))
    except OSError as error:
        raise MaskGateError(
            f"CARD {name}: reading back failed ({_in_words(error)}); take another card or reader"
        ) from error


def _confirm(disk: Disk, ask: Callable[[str], str]) -> None:
    lines = [f"{disk.path}: {disk.title()}", "What is on it will be erased:", *contents(disk)]
    click.echo("\n".join(as_shown(line, None) for line in lines), err=True)
    answer = ask(f"Type {disk.name} to erase it").strip()
    if answer not in (disk.name, disk.path):
        raise MaskGateError(
            f"CARD {disk.path}: {answer!r} was typed, expected {disk.name}; nothing was written"
        )


@contextlib.contextmanager
def _opened(disk: Disk) -> Iterator[int]:
    try:
        # O_EXCL on a disk: the kernel gives it to nobody who would mount it meanwhile.
        descriptor = os.open(disk.path, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC)
    except OSError as error:
        way_out = {
            errno.EACCES: "run it as root (sudo)",
            errno.EPERM: "run it as root (sudo)",
            errno.EBUSY: "something uses it: unmount it, close what has it open",
        }.get(error.errno or 0, "plug it in again")
        raise MaskGateError(
            f"CARD {disk.path}: it cannot be opened ({error.strerror}); {way_out}"
        ) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _chunks(image: IO[bytes], start: int) -> Iterator[tuple[int, bytes]]:
    image.seek(start)
    place = start
    while chunk := image.read(CHUNK):
        yield place, chunk
        place += len(chunk)


def _write_at(descriptor: int, chunk: bytes, place: int) -> None:
    left = memoryview(chunk)
    while left:
        written = os.pwrite(descriptor, left, place)
        if not written:
            raise OSError(errno.ENOSPC, "it takes no more")
        left, place = left[written:], place + written


def _read_at(descriptor: int, size: int, place: int) -> bytes:
    found = b""
    while len(found) < size:
        part = os.pread(descriptor, size - len(found), place + len(found))
        if not part:
            break
        found += part
    return found


def _forget(descriptor: int, size: int) -> None:
    """Drop what the kernel still has in memory of a device, so that the device itself is read."""
    os.posix_fadvise(descriptor, 0, size, os.POSIX_FADV_DONTNEED)
    with contextlib.suppress(OSError):  # Only root may, and only of a disk.
        fcntl.ioctl(descriptor, _DROP_BUFFERS)


@contextlib.contextmanager
def _progress(size: int, label: str) -> Iterator[Callable[[int], None]]:
    with click.progressbar(length=size, label=label, file=sys.stderr, show_eta=True) as bar:
        yield bar.update


def _in_words(error: OSError) -> str:
    known = {
        errno.EIO: "an input/output error: the card is broken, or was taken out",
        errno.ENOSPC: "it has less room than it says",
        errno.ENODEV: "it was taken out",
        errno.ENXIO: "it was taken out",
        errno.ENOMEDIUM: "it was taken out",
    }
    return known.get(error.errno or 0, error.strerror or str(error))
