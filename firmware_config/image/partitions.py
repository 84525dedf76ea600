"""The partition table of a raw image: a FAT partition to boot from, and the system's."""

import struct
from dataclasses import dataclass
from pathlib import Path

from edge.errors import MaskGateError

_SECTOR = 512
_TABLE, _ENTRIES, _ENTRY = 446, 4, 16
"""Of a master boot record: where its table begins, how many entries it has, bytes of each."""
_SIGNATURE = b"\x55\xaa"
_FAT = {0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E}
_LINUX = 0x83
_GPT = 0xEE
_EXT_MAGIC_AT, _EXT_MAGIC = 1024 + 56, b"\x53\xef"
"""Where an ext4 file system has its magic number."""
_WAY_OUT = "name an image of Raspberry Pi OS, 64 bit"


@dataclass(frozen=True, slots=True)
class Partition:
    """Where a partition lies in an image, in bytes."""

    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The two partitions of Raspberry Pi OS."""

    boot: Partition
    root: Partition


def find_partitions(raw: Path, name: Path) -> Layout:
    """Find the partitions of a raw image, and check that it has all of them.

    Args:
        raw: the unpacked image.
        name: what it is called in messages.

    Raises:
        MaskGateError: it is no image, has other partitions, or ends before they do.
    """
    size = raw.stat().st_size
    with raw.open("rb") as file:
        table = _read_table(file.read(_SECTOR), name)
        layout = _layout(table, name)
        for partition in (layout.boot, layout.root):
            end = partition.start + partition.size
            if end > size:
                raise MaskGateError(
                    f"image {name}: it is too small: it has {size:,} bytes, and its partitions end "
                    f"at {end:,}; download it again"
                )
        file.seek(layout.boot.start)
        if file.read(_SECTOR)[510:] != _SIGNATURE:
            raise MaskGateError(f"image {name}: its first partition holds no FAT; {_WAY_OUT}")
        file.seek(layout.root.start + _EXT_MAGIC_AT)
        if file.read(2) != _EXT_MAGIC:
            raise MaskGateError(f"image {name}: its second partition holds no ext4; {_WAY_OUT}")
    return layout


def _read_table(sector: bytes, name: Path) -> list[tuple[int, Partition]]:
    if len(sector) < _SECTOR or sector[510:] != _SIGNATURE:
        raise MaskGateError(
            f"image {name}: it is no disk image: it does not begin with a partition table; "
            f"{_WAY_OUT}"
        )
    found = []
    for place in range(_TABLE, _TABLE + _ENTRIES * _ENTRY, _ENTRY):
        kind = sector[place + 4]
        start, length = struct.unpack_from("<II", sector, place + 8)
        if kind:
            found.append((kind, Partition(start * _SECTOR, length * _SECTOR)))
    return found


def _layout(table: list[tuple[int, Partition]], name: Path) -> Layout:
    kinds = [kind for kind, _ in table]
    if len(kinds) == 2 and kinds[0] in _FAT and kinds[1] == _LINUX:
        return Layout(boot=table[0][1], root=table[1][1])
    found = ", ".join("GPT" if kind == _GPT else f"{kind:#04x}" for kind in kinds) or "none"
    raise MaskGateError(
        f"image {name}: expected two partitions, FAT and Linux (0x0c, 0x83), found {found}; "
        f"{_WAY_OUT}"
    )
