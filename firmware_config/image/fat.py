"""The FAT partition of an image: taken out, edited by mtools, checked, put back."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from edge.errors import MaskGateError
from firmware_config.image.partitions import Partition
from firmware_config.image.programs import run_program, said
from firmware_config.image.unpacking import CHUNK, copy_with_holes

_MOMENT = 946_684_800
"""The time of every file that is put in, in seconds: 2000-01-01, so that the same input gives the
same bytes."""
_ENVIRONMENT = {
    "MTOOLSRC": os.devnull,
    "MTOOLS_SKIP_CHECK": "1",
    "SOURCE_DATE_EPOCH": str(_MOMENT),
    "TZ": "UTC0",
}
_FREE = re.compile(r"([\d ]+) bytes free")
_SPARE = 1 << 20
"""Bytes that the FAT keeps free, for folders and for what the system writes."""


class Boot:
    """The FAT file system of an image, in a file of its own."""

    def __init__(self, file: Path, name: Path) -> None:
        """Look at a file system.

        Args:
            file: it, and nothing else.
            name: what the image is called in messages.
        """
        self._file, self._name = file, name

    @classmethod
    def taken_out(cls, raw: Path, partition: Partition, file: Path, name: Path) -> "Boot":
        """Copy the file system out of a raw image."""
        with raw.open("rb") as source, file.open("wb") as target:
            source.seek(partition.start)
            copy_with_holes(source, target, partition.size)
            target.truncate(partition.size)
        return cls(file, name)

    def put_back(self, raw: Path, partition: Partition) -> None:
        """Copy the file system into a raw image."""
        with self._file.open("rb") as source, raw.open("r+b") as target:
            target.seek(partition.start)
            while chunk := source.read(CHUNK):
                if target.read(len(chunk)) != chunk:
                    target.seek(-len(chunk), 1)
                    target.write(chunk)

    def read(self, path: str) -> bytes | None:
        """A file's content; None where there is none."""
        done = self._mtool("mcopy", f"::{path}", "-")
        if b"not found" in done.stderr:
            return None
        if done.returncode:
            raise self._unreadable(said(done))
        return done.stdout

    def put(self, files: Mapping[str, bytes | Path]) -> None:
        """Put files in, in place of those of the same name.

        Args:
            files: by their path, at most one folder deep: what is in them, or a file that has it.

        Raises:
            MaskGateError: there is not enough room, or the file system cannot be written.
        """
        self._require_room(sum(map(_size, files.values())))
        for folder in sorted({path.rpartition("/")[0] for path in files} - {""}):
            if not self._has_folder(folder):
                self._change("mmd", f"::{folder}")
        with (
            tempfile.TemporaryDirectory(dir=self._file.parent) as place,
            click.progressbar(length=len(files), label="putting files in", file=sys.stderr) as bar,
        ):
            source = Path(place) / "file"
            for path, content in files.items():
                if isinstance(content, Path):
                    shutil.copyfile(content, source)
                else:
                    source.write_bytes(content)
                os.utime(source, (_MOMENT, _MOMENT))
                self._change("mcopy", "-m", "-o", str(source), f"::{path}")
                bar.update(1)

    def require(self, files: Mapping[str, bytes | Path]) -> None:
        """Read files back, and compare.

        Raises:
            MaskGateError: one is not what was put in.
        """
        for path, content in files.items():
            wanted = content.read_bytes() if isinstance(content, Path) else content
            if self.read(path) != wanted:
                raise MaskGateError(
                    f"image {self._name}: {path} reads back other than it was written; try "
                    "another disk for OUT"
                )

    def is_sound(self) -> bool:
        """Whether the file system's own check finds nothing."""
        return not run_program(["fsck.fat", "-n", self._file]).returncode

    def _require_room(self, wanted: int) -> None:
        listed = self._mtool("mdir", "::")
        found = _FREE.search(listed.stdout.decode(errors="replace"))
        if listed.returncode or not found:
            raise self._unreadable(said(listed))
        free = int(found[1].replace(" ", ""))
        if wanted + _SPARE > free:
            raise MaskGateError(
                f"image {self._name}: its boot partition has {free:,} bytes free, {wanted:,} and "
                "some room are needed; use an image whose boot partition is larger (Raspberry Pi "
                "OS has 512 MB)"
            )

    def _has_folder(self, folder: str) -> bool:
        return self._mtool("mdir", "-b", f"::{folder}").returncode == 0

    def _change(self, program: str, *words: str) -> None:
        done = self._mtool(program, *words)
        if done.returncode:
            raise MaskGateError(
                f"image {self._name}: its boot partition cannot be written ({said(done)}); make "
                "room for OUT, or download the image again"
            )

    def _mtool(self, program: str, *words: str) -> subprocess.CompletedProcess[bytes]:
        with self._file.open("r+b") as file:
            # Not by its path, in which "@@" would begin an offset.
            place = ["-i", f"/dev/fd/{file.fileno()}"]
            return run_program(
                [program, *place, *words], environment=_ENVIRONMENT, keep=[file.fileno()]
            )

    def _unreadable(self, why: str) -> MaskGateError:
        return MaskGateError(
            f"image {self._name}: its boot partition cannot be read ({why}); download it again"
        )


def _size(content: bytes | Path) -> int:
    return content.stat().st_size if isinstance(content, Path) else len(content)
