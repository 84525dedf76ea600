"""Which system is in an image, and whether a profile fits it."""

import re
import shlex
import struct
from dataclasses import dataclass
from pathlib import Path

from edge.errors import MaskGateError
from firmware_config.image.ext4 import Root
from firmware_config.profile import Profile, System

_MACHINES = {(2, 183): "aarch64", (2, 62): "x86_64", (1, 40): "armv7l", (1, 3): "i686"}
"""By an ELF header's class and machine."""
_PYTHON = re.compile(r"(?:/usr/bin/)?python(3\.\d+)")


@dataclass(frozen=True, slots=True)
class ImageSystem:
    """The system in an image."""

    name: str
    """As profiles name it, such as raspios-trixie."""
    title: str
    """As it names itself."""
    python: str
    """Such as 3.13."""
    machine: str
    """Such as aarch64."""


def read_system(root: Root, image: Path) -> ImageSystem:
    """Find out which system is in an image.

    Args:
        root: its system partition.
        image: what the image is called in messages.

    Raises:
        MaskGateError: it is none that could run MaskGate.
    """
    release = _release(root.read("/usr/lib/os-release") or b"")
    if "ID" not in release:
        raise MaskGateError(
            f"image {image}: its second partition holds no Linux system (no /usr/lib/os-release); "
            "name an image of Raspberry Pi OS, 64 bit"
        )
    # Raspberry Pi OS calls itself Debian; only this file tells them apart.
    family = "raspios" if root.has("/etc/rpi-issue") else release["ID"]
    version = release.get("VERSION_CODENAME") or release.get("VERSION_ID", "unknown")
    title = release.get("PRETTY_NAME", release["ID"])
    found = _PYTHON.fullmatch(root.link("/usr/bin/python3") or "")
    if not found:
        raise MaskGateError(
            f"image {image}: its system ({title}) has no Python; name an image of Raspberry Pi OS"
        )
    machine = _machine(root.read(f"/usr/bin/python{found[1]}") or b"")
    return ImageSystem(f"{family}-{version}", title, found[1], machine)


def require_fit(found: ImageSystem, profile: Profile, image: Path) -> System:
    """Check that a profile fits the system in an image.

    Returns:
        The profile's system.

    Raises:
        MaskGateError: it is of another processor, or none of the profile's systems.
    """
    if profile.machine not in (None, found.machine):
        raise MaskGateError(
            f"image {image}: it is for {found.machine}, expected {profile.machine} as profile "
            f"{profile.name} says; name the 64-bit image of Raspberry Pi OS, or another profile"
        )
    usable = [system for system in profile.os if system.provisioning]
    for system in usable:
        if (system.name, system.python) == (found.name, found.python):
            return system
    fits = " or ".join(f"{one.name} (Python {one.python})" for one in usable)
    if not fits:
        raise MaskGateError(
            f"profile {profile.name}: no image is made for it; give the HOST to set it up over "
            "ssh, or another profile"
        )
    raise MaskGateError(
        f"image {image}: it holds {found.title} ({found.name}, Python {found.python}), expected "
        f"{fits} as profile {profile.name} says; name another image or another profile"
    )


def _release(text: bytes) -> dict[str, str]:
    found = {}
    for line in text.decode(errors="replace").splitlines():
        name, equals, value = line.partition("=")
        try:
            words = shlex.split(value)
        except ValueError:
            continue
        if equals and not name.startswith("#"):
            found[name.strip()] = words[0] if words else ""
    return found


def _machine(program: bytes) -> str:
    """The processor that a program is for, by its header."""
    if len(program) < 20 or not program.startswith(b"\x7fELF"):
        return "an unknown processor"
    kind = (program[4], struct.unpack_from("<H", program, 18)[0])
    return _MACHINES.get(kind, f"an unknown processor (ELF {kind[1]})")
