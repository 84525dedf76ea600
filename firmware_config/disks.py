"""What a disk is, what is on it, and whether it may be erased."""

import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from edge.errors import MaskGateError
from firmware_config.image.programs import run_program

_COLUMNS = (
    "NAME,PATH,MAJ:MIN,TYPE,SIZE,RM,HOTPLUG,RO,TRAN,VENDOR,MODEL,SERIAL,LABEL,FSTYPE,MOUNTPOINTS"
)
_TRANSPORTS = {"usb", "mmc"}
_SYSTEM = ("/", "/boot", "/boot/efi", "/boot/firmware", "/usr", "/var", "/home")
"""Where parts of the running system are mounted."""
_OCTAL = re.compile(r"\\([0-7]{3})")
_WAY_OUT = "lsblk lists what there is"


class Disk(BaseModel):
    """A disk, or what is on it: partitions, volumes, as `lsblk --json --bytes` tells."""

    name: str
    path: str
    number: str = Field("", alias="maj:min")
    type: str
    size: int
    """Bytes; 0 where no card is in a reader."""
    rm: bool = False
    hotplug: bool = False
    ro: bool = False
    tran: str | None = None
    vendor: str | None = None
    model: str | None = None
    serial: str | None = None
    label: str | None = None
    fstype: str | None = None
    mountpoints: list[str | None] = []
    children: "list[Disk]" = []

    def all(self) -> "Iterator[Disk]":
        """This one, and all that lies on it, whatever is between: RAID, LVM, encryption."""
        yield self
        for child in self.children:
            yield from child.all()

    def title(self) -> str:
        """What a person knows it by."""
        names = " ".join(name.strip() for name in (self.vendor, self.model) if name)
        serial = f", serial number {self.serial}" if self.serial else ""
        return f"{names or 'a disk without a name'}{serial}, {in_words(self.size)}"


@dataclass(frozen=True, slots=True)
class InUse:
    """What the running system uses."""

    mounts: dict[str, list[str]]
    """Where something is mounted, by its number (major:minor) and by its path."""
    swaps: frozenset[str]
    """Paths."""


def in_words(size: int) -> str:
    """A size as cards are sold: in units of a thousand."""
    for unit, name in ((10**12, "TB"), (10**9, "GB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 10**6:.1f} MB"


def look_at(card: Path) -> Disk:
    """Find out what a device is.

    Raises:
        MaskGateError: it is not there, or is no block device.
    """
    try:
        path = card.resolve(strict=True)
        mode = path.stat().st_mode
    except (OSError, RuntimeError) as error:
        raise MaskGateError(f"CARD {card}: it is not there; {_WAY_OUT}") from error
    if not stat.S_ISBLK(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a file" if stat.S_ISREG(mode) else "no disk"
        raise MaskGateError(
            f"CARD {card}: expected a card's device, such as /dev/sdb, found {kind}; {_WAY_OUT}"
        )
    done = run_program(["lsblk", "--json", "--bytes", "--output", _COLUMNS, path])
    try:
        (found,) = json.loads(done.stdout)["blockdevices"]
        return Disk.model_validate(found)
    except (ValueError, KeyError, ValidationError) as error:
        raise MaskGateError(
            f"CARD {card}: lsblk knows no such disk; plug it in again; {_WAY_OUT}"
        ) from error


def what_is_in_use() -> InUse:
    """What is mounted and swapped to."""
    mounts: dict[str, list[str]] = {}
    for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
        before, _, after = line.partition(" - ")
        number, place = before.split()[2], _plain(before.split()[4])
        # A file system of several disks has a number of its own; then its source tells.
        source = _plain(after.split()[1])
        for key in (number, os.path.realpath(source) if source.startswith("/") else source):
            mounts.setdefault(key, []).append(place)
    swaps = Path("/proc/swaps")
    lines = swaps.read_text(errors="replace").splitlines()[1:] if swaps.exists() else []
    return InUse(mounts, frozenset(os.path.realpath(_plain(line.split()[0])) for line in lines))


def require_fit(disk: Disk, size: int, used: InUse) -> None:
    """Check that a disk may be erased, and that an image goes onto it.

    Args:
        disk: what it is.
        size: bytes of the image.
        used: what the running system uses.

    Raises:
        MaskGateError: it is a part of a disk, is in use, is built in, cannot be written, has no
            card in it, or is too small.
    """
    _require_unused(disk, used)
    if disk.type != "disk":
        raise MaskGateError(
            f"CARD {disk.path}: it is a {disk.type}, expected a whole card, such as /dev/sdb; "
            f"{_WAY_OUT}"
        )
    if not (disk.rm or disk.hotplug or disk.tran in _TRANSPORTS):
        raise MaskGateError(
            f"CARD {disk.path}: {disk.title()} is built in, expected one that can be taken out; "
            f"{_WAY_OUT}"
        )
    if not disk.size:
        raise MaskGateError(f"CARD {disk.path}: there is no card in it; put one in")
    if disk.ro:
        raise MaskGateError(
            f"CARD {disk.path}: {disk.title()} is write-protected; slide its lock, or take another"
        )
    if disk.size < size:
        raise MaskGateError(
            f"CARD {disk.path}: {disk.title()} is too small: it has {disk.size:,} bytes, the image "
            f"has {size:,}; take a larger one"
        )


def contents(disk: Disk) -> list[str]:
    """What would be erased, a line for each part."""
    if len(list(disk.all())) == 1:
        return [f"  {disk.fstype or 'no partitions that are known'}{_called(disk)}"]
    return [
        f"  {part.name}: {in_words(part.size)}, {part.fstype or part.type}{_called(part)}"
        for part in disk.all()
        if part is not disk
    ]


def _require_unused(disk: Disk, used: InUse) -> None:
    for part in disk.all():
        places = {place for place in part.mountpoints if place and place != "[SWAP]"}
        places.update(used.mounts.get(part.number, ()), used.mounts.get(part.path, ()))
        system = sorted(places & set(_SYSTEM))
        if system:
            raise MaskGateError(
                f"CARD {disk.path}: {disk.title()} holds the running system ({part.path} is "
                f"{system[0]}); {_WAY_OUT}"
            )
        if places:
            raise MaskGateError(
                f"CARD {disk.path}: {part.path} is mounted at {min(places)}; unmount it "
                f"(umount {part.path}) if it is the one"
            )
        if "[SWAP]" in part.mountpoints or part.path in used.swaps:
            raise MaskGateError(
                f"CARD {disk.path}: {part.path} is swap space in use; swapoff {part.path} if it is "
                "the one"
            )


def _called(part: Disk) -> str:
    return f', called "{part.label}"' if part.label else ""


def _plain(word: str) -> str:
    """A path as the kernel's files have it, where blanks are octal."""
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), word)
