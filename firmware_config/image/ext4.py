"""Reads the system's partition of an image, without mounting it; it is never written to."""

import os
import re
from pathlib import Path

from edge.errors import MaskGateError
from firmware_config.image.partitions import Partition
from firmware_config.image.programs import run_program, said

_ABSENT = b"File not found"
_LINK = re.compile(rb'^Fast link dest: "(.*)"$', re.MULTILINE)
_INODE = re.compile(rb"^Inode: \d+", re.MULTILINE)


class Root:
    """The ext4 file system in a raw image."""

    def __init__(self, raw: Path, partition: Partition, name: Path) -> None:
        """Look at a partition.

        Args:
            raw: the unpacked image.
            partition: where the file system lies.
            name: what the image is called in messages.
        """
        self._raw, self._start, self._name = raw, partition.start, name

    def read(self, path: str) -> bytes | None:
        """A file's content; None where there is none, or it is empty.

        Args:
            path: absolute, of this code's own choice; no link itself.

        Raises:
            MaskGateError: the file system cannot be read.
        """
        return self._ask(f"cat {path}") or None

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return _INODE.search(self._ask(f"stat {path}")) is not None

    def link(self, path: str) -> str | None:
        """Where a link points; None where there is none."""
        found = _LINK.search(self._ask(f"stat {path}"))
        return found[1].decode(errors="replace") if found else None

    def check(self) -> None:
        """Check the file system.

        Raises:
            MaskGateError: something in it is wrong.
        """
        with self._raw.open("rb") as file:
            done = run_program(["e2fsck", "-fn", self._place(file.fileno())], keep=[file.fileno()])
        if done.returncode:
            raise MaskGateError(
                f"image {self._name}: its system partition is damaged ({said(done)[-300:]}); "
                "download it again"
            )

    def _ask(self, request: str) -> bytes:
        with self._raw.open("rb") as file:
            words = ["debugfs", "-R", request, self._place(file.fileno())]
            done = run_program(words, keep=[file.fileno()])
        # It ends with 0 whatever happens, and always says its own name first.
        complaint = done.stderr.split(b"\n", 1)[-1].strip()
        if complaint and _ABSENT not in complaint:
            raise MaskGateError(
                f"image {self._name}: its system partition cannot be read "
                f"({os.fsdecode(complaint.splitlines()[-1])}); download it again"
            )
        return done.stdout

    def _place(self, descriptor: int) -> str:
        # Not by its path, in which a "?" would begin the options.
        return f"/dev/fd/{descriptor}?offset={self._start}"
