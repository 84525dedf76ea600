"""How a GIF is built, block by block (GIF89a specification)."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

HEADER = 13
"""Bytes of the signature and the logical screen descriptor (17, 18)."""
DESCRIPTOR = 9
"""Bytes of an image descriptor after its separator (20)."""


@dataclass(frozen=True, slots=True)
class Structure:
    """What a walk over the blocks has found."""

    pictures: int
    """Pictures whose data are there to their end."""
    complete: bool
    """Whether the blocks follow each other up to the trailer."""


def read_structure(path: Path) -> Structure | None:
    """Walk over the blocks of a GIF; a decoder passes over damage without a word.

    Returns:
        None for a file of another kind.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        header = file.read(HEADER)
        if not header.startswith(b"GIF8") or len(header) < HEADER:
            return None
        _skip_colours(file, header[10])
        pictures = 0
        # Some writers pad with zeros between blocks.
        while (kind := file.read(1)) in {b",", b"!", b"\0"}:
            if kind == b",":
                descriptor = file.read(DESCRIPTOR)
                if len(descriptor) < DESCRIPTOR:
                    break
                _skip_colours(file, descriptor[8])
                file.read(1)  # the smallest code's size
                if not _skip_data(file):
                    break
                pictures += 1
            elif kind == b"!":
                file.read(1)  # the extension's label
                if not _skip_data(file):
                    break
        return Structure(pictures, complete=kind == b";")


def _skip_colours(file: BinaryIO, flags: int) -> None:
    """Skip the colour table (19, 21) that the flags announce."""
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), 1)


def _skip_data(file: BinaryIO) -> bool:
    """Skip data sub-blocks (15); whether they end, with an empty one, before the file does."""
    while length := file.read(1):
        if length == b"\0":
            return True
        file.seek(length[0], 1)
    return False
