"""A disk image with the layout of Raspberry Pi OS trixie, from a tree: no mount, no loop device.

A table of two partitions: FAT32 `bootfs`, which is /boot/firmware, and ext4 `rootfs`.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.image_test.tools import call
from tests.image_test.tree import ISSUE, recipe

SECTOR = 512
MEBIBYTE = 1024 * 1024
DISK_ID = 0x4D61736B
BOOT_START = 8 * MEBIBYTE
"""Where Raspberry Pi OS has it."""
BOOT_SIZE = 512 * MEBIBYTE
ROOT_START = BOOT_START + BOOT_SIZE
ROOT_SIZE = 1536 * MEBIBYTE

CMDLINE = (
    f"console=serial0,115200 console=tty1 root=PARTUUID={DISK_ID:08x}-02 rootfstype=ext4 "
    "fsck.repair=yes rootwait\n"
)
BOOT_FILES = {
    "cmdline.txt": CMDLINE,
    "config.txt": "dtparam=audio=on\ncamera_auto_detect=1\narm_64bit=1\n\n[all]\n",
    "issue.txt": ISSUE,
    "meta-data": "instance-id: rpios-image\n",
    "user-data": "#cloud-config\n",
    "network-config": "",
}
ROOT_FILES = {
    "etc/fstab": "proc /proc proc defaults 0 0\n"
    f"PARTUUID={DISK_ID:08x}-01 /boot/firmware vfat defaults 0 2\n"
    f"PARTUUID={DISK_ID:08x}-02 / ext4 defaults,noatime 0 1\n",
}


@dataclass(frozen=True)
class Partition:
    """Where a partition lies in an image, in bytes."""

    start: int
    size: int


BOOT = Partition(BOOT_START, BOOT_SIZE)
ROOT = Partition(ROOT_START, ROOT_SIZE)


def image(root: Path, cache: Path) -> Path:
    """An image of the tree, made anew unless it lies in the cache.

    Args:
        root: the tree; it stays as it is.
        cache: the folder that keeps images.

    Returns:
        The image; it must stay as it is.

    Raises:
        RuntimeError: a tool failed.
    """
    content = hashlib.sha256(Path(__file__).read_bytes() + recipe().encode()).hexdigest()
    made = cache / f"trixie-arm64-{content[:12]}.img"
    if not made.exists():
        begun = made.with_suffix(f".{os.getpid()}")
        begun.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_image(root, begun)
            begun.rename(made)
        finally:
            begun.unlink(missing_ok=True)
    return made


def write_image(root: Path, target: Path) -> None:
    """Write an image of the tree."""
    with target.open("wb") as file:
        file.truncate(ROOT_START + ROOT_SIZE)
    lines = (
        f"label: dos\nlabel-id: {DISK_ID:#x}\nunit: sectors\n"
        f"start={BOOT_START // SECTOR}, size={BOOT_SIZE // SECTOR}, type=c\n"
        f"start={ROOT_START // SECTOR}, size={ROOT_SIZE // SECTOR}, type=83\n"
    )
    call("sfdisk", "--quiet", target, said=lines.encode())
    drive = f"{target}@@{BOOT_START}"
    call("mformat", "-i", drive, "-F", "-T", BOOT_SIZE // SECTOR, "-h", 255, "-s", 63,
         "-v", "bootfs", "::")  # fmt: skip
    for name, text in BOOT_FILES.items():
        write_boot_file(target, name, text)
    with completed(root) as whole:
        offset = f"offset={ROOT_START}"
        call("mke2fs", "-q", "-t", "ext4", "-L", "rootfs", "-E", f"{offset},root_owner=0:0",
             "-d", whole, target, f"{ROOT_SIZE // 1024}k")  # fmt: skip


@contextmanager
def completed(root: Path) -> Iterator[Path]:
    """A copy of the tree, by hard links, with what belongs to this image alone."""
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        copy = Path(folder) / "root"
        call("cp", "--archive", "--link", root, copy)
        for name, text in ROOT_FILES.items():
            (copy / name).unlink(missing_ok=True)
            (copy / name).write_text(text)
        yield copy


def write_boot_file(target: Path, name: str, text: str) -> None:
    """Put a text into the FAT partition of an image."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        call("mcopy", "-o", "-i", f"{target}@@{BOOT_START}", file.name, f"::{name}")


def read_boot_file(target: Path, name: str) -> str:
    """A text in the FAT partition of an image."""
    return call("mtype", "-i", f"{target}@@{BOOT_START}", f"::{name}").decode()


def boot_files(target: Path) -> set[str]:
    """The names in the FAT partition of an image, with their folders."""
    listed = call("mdir", "-/", "-b", "-i", f"{target}@@{BOOT_START}", "::").decode()
    return {line.removeprefix("::/") for line in listed.splitlines()}
