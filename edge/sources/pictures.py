"""Pictures: one file, or a folder of them."""

import logging
import stat
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.errors import MaskGateError
from edge.paths import check_name, reason
from edge.sources.colours import to_rgb
from edge.values import Pixels

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
"""What counts as a picture in a folder."""
INTERVAL = 1.0
"""Seconds that each picture is shown."""

log = logging.getLogger(__name__)


def read_picture(path: Path) -> Pixels:
    """Read a picture file.

    Grey and 16-bit pictures become RGB with 8 bits, transparency is dropped, and the orientation
    that a camera noted (EXIF) is applied.

    Returns:
        RGB uint8, height x width x 3, contiguous.

    Raises:
        MaskGateError: the file is missing or unreadable, no picture, or cut short, or its name is
            not UTF-8.
    """
    check_name(path.name, "picture")
    content = _content(path)
    if content.startswith(b"\xff\xd8") and _jpeg_is_cut_short(content):
        raise MaskGateError(
            f"picture {path}: cut short, its end is missing after {len(content)} bytes; "
            "copy it again from where it came"
        )
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # more pixels than OpenCV takes
        pixels = None
    if pixels is None:
        raise MaskGateError(
            f"picture {path}: not a picture that can be read, or cut short "
            f"({len(content)} bytes); expected JPEG, PNG, BMP, WebP or TIFF"
        )
    return to_rgb(pixels)


def _content(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would block, a device may never end
            raise MaskGateError(f"picture {path}: not a file; expected a picture file")
        content = path.read_bytes()
    except OSError as error:
        raise MaskGateError(f"picture {path}: {reason(error)}") from error
    if not content:
        raise MaskGateError(f"picture {path}: empty; copy it again from where it came")
    return content


def _jpeg_is_cut_short(content: bytes) -> bool:
    """Whether a JPEG lacks its end mark; older OpenCV fills what is missing with grey.

    The segments before the scan are skipped by their length (ITU-T T.81, annex B): a thumbnail
    in one of them has an end mark of its own.
    """
    at = 2
    while content[at : at + 1] == b"\xff" and content[at + 1 : at + 2] != b"\xda":
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return content.find(b"\xff\xd9", at) < 0


def pictures_in(folder: Path) -> list[Path]:
    """The picture files that lie directly in a folder, sorted by name.

    Raises:
        MaskGateError: the folder cannot be read, or holds no picture.
    """
    try:
        found = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
    except OSError as error:
        raise MaskGateError(f"folder {folder}: {reason(error)}") from error
    if not found:
        kinds = ", ".join(sorted(SUFFIXES))
        raise MaskGateError(f"folder {folder}: no pictures in it; expected files in {kinds}")
    return found


class Pictures:
    """Picture files, one frame each; an unreadable one is skipped with a warning."""

    interval = INTERVAL
    live = False
    skipped = 0

    def __init__(self, paths: Sequence[Path]) -> None:
        """Show these files in their order.

        Args:
            paths: one file or more; a single one that cannot be read is an error at once.

        Raises:
            MaskGateError: the only picture cannot be read.
        """
        self._paths = list(paths)
        self._next = 0
        self.unreadable = 0
        """Pictures skipped because they could not be read."""
        self._first = read_picture(self._paths[0]) if len(self._paths) == 1 else None

    @property
    def broken(self) -> str | None:
        """Which share of the pictures could not be read; None while all could."""
        if not self.unreadable:
            return None
        return f"{self.unreadable} of {len(self._paths)} pictures could not be read"

    def read(self) -> Pixels | None:
        """The next picture that can be read; None after the last.

        Raises:
            MaskGateError: not one of the pictures could be read.
        """
        if self._first is not None:
            pixels, self._first, self._next = self._first, None, 1
            return pixels
        while self._next < len(self._paths):
            path = self._paths[self._next]
            self._next += 1
            try:
                return read_picture(path)
            except MaskGateError as error:
                self.unreadable += 1
                log.warning("%s; skipped (%d so far)", error, self.unreadable)
        if self.unreadable == len(self._paths):
            raise MaskGateError(
                f"folder {self._paths[0].parent}: not one of its {self.unreadable} pictures "
                "could be read; copy them again from where they came"
            )
        return None

    def close(self) -> None:
        """Nothing is held open between pictures."""
