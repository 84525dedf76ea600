"""Small images laid out as Raspberry Pi OS's, and devices and profiles to make of them."""

import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from firmware_config.inventory import Device
from firmware_config.profile import Profile, load_profile

MEBIBYTE = 1 << 20
BOOT_START, BOOT_SIZE = 4 * MEBIBYTE, 8 * MEBIBYTE
ROOT_START, ROOT_SIZE = BOOT_START + BOOT_SIZE, 4 * MEBIBYTE
FAT32_SIZE = 34 * MEBIBYTE
"""As small as a FAT32 can be; Raspberry Pi OS has 512 MB. A smaller one is a FAT16."""
DISK_ID = "7c7bbe79"
AARCH64, ARM, X86_64 = (2, 183), (1, 40), (2, 62)
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
CONFIG = "# Documentation: http://rptl.io/configtxt\ndtparam=audio=on\n\n[cm4]\notg_mode=1\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl alice@desk"
STOCK_USER_DATA = "#cloud-config\n# Nothing is set.\n"

needs_image_tools = pytest.mark.skipif(
    not all(
        shutil.which(program, path="/usr/bin:/usr/sbin:/bin:/sbin")
        for program in ("mcopy", "mkfs.fat", "fsck.fat", "mke2fs", "debugfs", "e2fsck", "sfdisk")
    ),
    reason="needs mtools, dosfstools, e2fsprogs and fdisk",
)


def device(**changed: Any) -> Device:
    """A device of the inventory."""
    told = {
        "site": "hq",
        "id": "north-door",
        "profile": "pi5",
        "ssh_keys": [KEY],
        "timezone": "Europe/Berlin",
    }
    return Device.model_validate(told | changed)


def profile(**changed: Any) -> Profile:
    """The profile of a Raspberry Pi 5, or one that differs from it."""
    return load_profile("pi5").model_copy(update=changed)


def cmdline(codename: str) -> str:
    """What cmdline.txt says before the first boot."""
    grow = {"bookworm": "init=/usr/lib/raspberrypi-sys-mods/firstboot", "trixie": "resize"}
    return (
        f"console=serial0,115200 console=tty1 root=PARTUUID={DISK_ID}-02 rootfstype=ext4 "
        f"fsck.repair=yes rootwait quiet {grow[codename]}\n"
    )


def elf(kind: tuple[int, int]) -> bytes:
    """The header of a program for a processor."""
    return b"\x7fELF" + bytes([kind[0], 1, 1]) + bytes(9) + struct.pack("<HH", 2, kind[1])


def root_files(codename: str, processor: tuple[int, int] = AARCH64) -> dict[str, bytes]:
    """What an image's system partition has, as far as anybody looks."""
    release = (
        f'PRETTY_NAME="Debian GNU/Linux ({codename})"\nNAME="Debian GNU/Linux"\nID=debian\n'
        f"VERSION_CODENAME={codename}\n"
    )
    return {
        "usr/lib/os-release": release.encode(),
        "etc/rpi-issue": b"Raspberry Pi reference 2025-10-01\n",
        f"usr/bin/python{PYTHONS[codename]}": elf(processor),
    }


def boot_files(codename: str) -> dict[str, bytes]:
    """What an image's boot partition has, as far as anybody looks."""
    files = {
        "cmdline.txt": cmdline(codename).encode(),
        "config.txt": CONFIG.encode(),
        "kernel8.img": bytes(range(256)) * 512,
    }
    if codename == "trixie":
        files |= {
            "user-data": STOCK_USER_DATA.encode(),
            "meta-data": b"dsmode: local\ninstance_id: rpios-image\n",
            "network-config": b"# Nothing is set.\n",
        }
    return files


def write_image(
    target: Path,
    codename: str = "trixie",
    *,
    root: dict[str, bytes] | None = None,
    boot: dict[str, bytes] | None = None,
    boot_size: int = BOOT_SIZE,
) -> Path:
    """Write an image.

    Args:
        target: the file.
        codename: whose files it has, unless they are given.
        root: the files of its system partition.
        boot: the files of its boot partition.
        boot_size: bytes of its boot partition.
    """
    root = root_files(codename) if root is None else root
    boot = boot_files(codename) if boot is None else boot
    tree, fat = target.with_suffix(".tree"), target.with_suffix(".fat")
    for name, content in root.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
        if "/python3." in name:
            (tree / "usr/bin/python3").symlink_to(Path(name).name)
    root_start = BOOT_START + boot_size
    with target.open("wb") as file:
        file.truncate(root_start + ROOT_SIZE)
    table = (
        f"label: dos\nlabel-id: 0x{DISK_ID}\nunit: sectors\n"
        f"start={BOOT_START // 512}, size={boot_size // 512}, type=c\n"
        f"start={root_start // 512}, size={ROOT_SIZE // 512}, type=83\n"
    )
    call("sfdisk", "--quiet", target, said=table)
    bits = 32 if boot_size >= FAT32_SIZE else 16
    call("mkfs.fat", "-C", "-F", bits, "-s", 1, "-n", "BOOTFS", "-i", "1234abcd", fat,
         boot_size >> 10)  # fmt: skip
    for name, content in boot.items():
        source = target.with_suffix(".file")
        source.write_bytes(content)
        call("mcopy", "-i", fat, source, f"::{name}")
        source.unlink()
    with target.open("r+b") as file:
        file.seek(BOOT_START)
        file.write(fat.read_bytes())
    call("mke2fs", "-q", "-t", "ext4", "-L", "rootfs", "-E", f"offset={root_start}", "-d", tree,
         target, f"{ROOT_SIZE >> 10}k")  # fmt: skip
    fat.unlink()
    shutil.rmtree(tree)
    return target


def listed(image: Path) -> set[str]:
    """The files on an image's boot partition, with their folders."""
    out = call("mdir", "-/", "-b", "-i", f"{image}@@{BOOT_START}", "::")
    return {line.removeprefix("::/") for line in out.decode().splitlines() if line[-1] != "/"}


def content(image: Path, name: str) -> bytes:
    """A file on an image's boot partition."""
    return call("mcopy", "-i", f"{image}@@{BOOT_START}", f"::{name}", "-")


def call(*words: object, said: str = "") -> bytes:
    """What a program says; it must succeed."""
    environment = {"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "LC_ALL": "C", "MTOOLSRC": "/dev/null"}
    done = subprocess.run(
        list(map(str, words)),
        input=said.encode(),
        capture_output=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
