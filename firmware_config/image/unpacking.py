"""Unpacks an image, .img, .img.xz or .img.gz, into a raw one; holes stay holes."""

import gzip
import lzma
import sys
import zlib
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import IO, Any, Final, Protocol

import click

from edge.errors import MaskGateError

CHUNK: Final = 1 << 20
"""Bytes that are read at a time; so many zeros become a hole."""
_XZ, _GZIP = b"\xfd7zXZ\0", b"\x1f\x8b"
"""What such files begin with."""
_WAY_OUT = "download the image again"


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def unpack(image: Path, target: Path) -> None:
    """Write what is in an image to a file, with progress.

    Args:
        image: raw, or packed by xz or gzip, which its first bytes say.
        target: the file; it must be there and empty.

    Raises:
        MaskGateError: the image cannot be read, is damaged or broken off, or there is no room.
    """
    try:
        size = image.stat().st_size
        raw = image.open("rb")
    except OSError as error:
        raise MaskGateError(
            f"image {image}: it cannot be read ({error.strerror}); name an .img, .img.xz or .img.gz"
        ) from error
    with raw, click.progressbar(length=size, label=f"reading {image.name}", file=sys.stderr) as bar:
        try:
            _copy(raw, target, bar)
        except (lzma.LZMAError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise MaskGateError(
                f"image {image}: it is damaged or incomplete ({error}); {_WAY_OUT}"
            ) from error
        except OSError as error:
            raise MaskGateError(
                f"image {image}: it cannot be unpacked to {target.parent} "
                f"({error.strerror or error}); make room, or name another OUT"
            ) from error


def copy_with_holes(source: IO[bytes], target: IO[bytes], size: int) -> None:
    """Copy bytes from where one file stands to where the other does; zeros become holes.

    Args:
        source: read from.
        target: written to; what is skipped must read as zeros already.
        size: how many bytes.
    """
    while size > 0 and (chunk := source.read(min(CHUNK, size))):
        _write(chunk, target)
        size -= len(chunk)


def _copy(raw: IO[bytes], target: Path, bar: Any) -> None:
    with ExitStack() as opened:
        source = opened.enter_context(_reader(raw))
        out = opened.enter_context(target.open("r+b"))
        while chunk := source.read(CHUNK):
            _write(chunk, out)
            bar.update(raw.tell() - bar.pos)
        out.truncate()


def _reader(raw: IO[bytes]) -> AbstractContextManager[_Readable]:
    start = raw.read(6)
    raw.seek(0)
    if start.startswith(_XZ):
        return lzma.open(raw)
    if start.startswith(_GZIP):
        return gzip.GzipFile(fileobj=raw)
    return nullcontext(raw)


def _write(chunk: bytes, target: IO[bytes]) -> None:
    if chunk == bytes(len(chunk)):
        target.seek(len(chunk), 1)
    else:
        target.write(chunk)
