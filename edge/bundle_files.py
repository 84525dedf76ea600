"""The files of a bundle, in a folder or in a zip of it, within what a device can bear.

A zip is read in memory and never unpacked; it may come from anywhere, so nothing that it says of
itself is believed.
"""

import errno
import io
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from edge.errors import MaskGateError, as_shown

MANIFEST = "manifest.json"
CONTENTS_LIMIT = 1_000_000
"""Bytes of a zip's table of contents; one of a bundle has some hundred."""
_CHUNK = 65_536
_ENCRYPTED = 0x1
"""Bit of a zip entry's flags (PKWARE's APPNOTE, 4.4.4)."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How an entry may be packed; the others may ask for gigabytes to be unpacked."""
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError,
    OverflowError, ValueError,
)  # fmt: skip
"""What zipfile raises for a file that is damaged or made to do harm."""


def is_bundle(folder: Path) -> bool:
    """Whether a folder is a bundle, and not a run or whatever else."""
    return (folder / MANIFEST).is_file()


class BundleFiles(Protocol):
    """Where the files of a bundle are."""

    def size(self, name: str) -> int:
        """How many bytes a file has.

        Raises:
            OSError: it is not there.
            MaskGateError: it may not be read.
        """

    def read(self, name: str, limit: int) -> bytes:
        """A file's first bytes, at most one more than `limit`; raises what `size` raises."""


class FolderFiles:
    """A bundle's files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def size(self, name: str) -> int:
        """How many bytes a file has; see BundleFiles."""
        status = (self._folder / name).stat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return status.st_size

    def read(self, name: str, limit: int) -> bytes:
        """A file's first bytes, at most one more than `limit`; see BundleFiles."""
        self.size(name)  # A pipe would be waited for.
        with (self._folder / name).open("rb") as file:
            return file.read(limit + 1)


class ZipFiles:
    """A bundle's files in a zip, or in the one folder that a zip holds."""

    def __init__(self, path: Path) -> None:
        """Read the table of contents.

        Raises:
            MaskGateError: no zip, one cut short, or one with names that no honest zip has.
            OSError: the file cannot be read.
        """
        self._path = path
        with self._open() as archive:
            self.entries = archive.infolist()
            """All that the zip holds, in its order."""
        names = [entry.filename for entry in self.entries]
        times = Counter(names)
        for entry in self.entries:
            name = entry.orig_filename  # filename would end at a zero byte.
            fault = (
                "leaves the bundle or hides where it is"
                if not stays_inside(name.removesuffix("/"))
                else "is there more than once"
                if times[entry.filename] > 1
                else None
            )
            if fault:
                raise MaskGateError(f"bundle {path}: the entry {name!r} {fault}; do not use it")
        folders = {name.split("/")[0] for name in names}
        within = len(folders) == 1 and MANIFEST not in folders
        self.prefix = f"{folders.pop()}/" if within else ""
        """The folder inside the zip that the bundle is in, with its slash."""
        self._named = dict(zip(names, self.entries, strict=True))

    def size(self, name: str) -> int:
        """How many bytes an entry says it has; see BundleFiles."""
        return self._entry(name).file_size

    def read(self, name: str, limit: int) -> bytes:
        """An entry's first bytes, at most one more than `limit`; see BundleFiles."""
        content = io.BytesIO()
        with self._open() as archive, archive.open(self._entry(name)) as file:
            while content.tell() <= limit:
                chunk = file.read(min(_CHUNK, limit + 1 - content.tell()))
                if not chunk:
                    break
                content.write(chunk)
        return content.getvalue()

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = self._named.get(self.prefix + name)
        if entry is None:
            raise FileNotFoundError(errno.ENOENT, "it is not in the zip")
        fault = (
            "encrypted"
            if entry.flag_bits & _ENCRYPTED
            else f"packed by method {entry.compress_type}, expected stored or deflated"
            if entry.compress_type not in _METHODS
            else None
        )
        if fault:
            raise MaskGateError(
                f"bundle {self._path}: the entry {entry.filename!r} is {fault}; make the zip again"
            )
        return entry

    @contextmanager
    def _open(self) -> Iterator[zipfile.ZipFile]:
        try:
            with _Archive(self._path) as file, zipfile.ZipFile(file) as archive:
                yield archive
        except _UNREADABLE as error:
            # zipfile may quote as much of the file as the file asks for.
            reason = as_shown(str(error), 200)
            raise MaskGateError(
                f"bundle {self._path}: expected a bundle's folder or a zip of it, found a file "
                f"that cannot be read as a zip ({reason}); if it is one, it was damaged or cut "
                "short, copy it again"
            ) from error


class _Archive(io.BufferedReader):
    """A zip whose table of contents cannot fill the memory: it is the one thing read at once."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as BufferedReader does, but no more than a table of contents may have."""
        most = CONTENTS_LIMIT + 1
        content = super().read(most if size is None or size < 0 else min(size, most))
        if len(content) == most:
            raise zipfile.BadZipFile(
                f"its table of contents is larger than the {CONTENTS_LIMIT} bytes that are allowed"
            )
        return content


def stays_inside(name: str) -> bool:
    """Whether a name, parts with slashes between, stays in the bundle and hides nothing.

    It is not absolute, has no "..", no empty parts, no backslashes, no colon of a drive, and no
    characters that cannot be seen.
    """
    return (
        not any(part in ("", ".", "..") for part in name.split("/"))
        and not {"\\", ":"} & set(name)
        and name.isprintable()
    )
