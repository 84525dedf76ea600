"""The exact packages that a device gets, out of the lock files in constraints/."""

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from edge.errors import MaskGateError
from firmware_config.checkout import checkout

LOCKS = ("device", "numpy1")
"""The lock files of a device, the newest packages first; `make lock` makes them."""
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Target:
    """What wheels must fit."""

    python: str
    """As "3.13"."""
    machine: str
    """As `uname -m` says it: aarch64 or x86_64."""
    constraints: tuple[str, ...] = ()
    """What packages must keep to beside the lock, e.g. ("numpy<2",)."""

    @property
    def environment(self) -> dict[str, str]:
        """What a requirement's marker may ask for, as the device would answer (PEP 508)."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
            "extra": "",
        }

    def __str__(self) -> str:
        return f"Python {self.python} on {self.machine}"


@dataclass(frozen=True, slots=True)
class Pin:
    """One package in one version, and what its files may be."""

    name: str
    version: str
    hashes: tuple[str, ...]
    """As pip writes them: "sha256:…"."""

    @property
    def line(self) -> str:
        """The line of a requirements file."""
        hashes = " ".join(f"--hash={one}" for one in self.hashes)
        return f"{self.name}=={self.version} {hashes}"


def read_pins(target: Target) -> tuple[Pin, ...]:
    """The packages for a target, from the first lock that keeps to its constraints.

    pip and the machine that flashes are not asked which of a lock's lines count: pip judges their
    markers by the Python that it runs in, and not by the one that it downloads for.

    Raises:
        MaskGateError: there is no such lock, a constraint is none, or this is no checkout.
    """
    rules = [_constraint(text) for text in target.constraints]
    refusals: list[str] = []
    for name in LOCKS:
        pins = _read_lock(checkout() / "constraints" / f"{name}.txt", target)
        refusals = [
            f"{rule}, found {pin.version}"
            for rule in rules
            for pin in pins
            if canonicalize_name(rule.name) == pin.name
            and not rule.specifier.contains(Version(pin.version), prereleases=True)
        ]
        if not refusals:
            return pins
    raise MaskGateError(
        f"wheels for {target}: no lock in constraints/ ({', '.join(LOCKS)}) keeps to "
        f"{'; '.join(refusals)}; change the profile's constraints, or add a lock"
    )


def _constraint(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise MaskGateError(
            f"constraint {text!r}: expected a package and its versions, e.g. numpy<2"
        ) from error


def _read_lock(file: Path, target: Target) -> tuple[Pin, ...]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise MaskGateError(
            f"lock {file}: it cannot be read ({error.strerror}); `make lock` makes it"
        ) from error
    pins = []
    for line in text.replace("\\\n", " ").splitlines():
        words, _, _ = line.partition("--hash=")
        if not words.strip() or words.startswith("#"):
            continue
        requirement = Requirement(words)
        if _counts(requirement.marker, target):
            [exactly] = requirement.specifier
            name = canonicalize_name(requirement.name)
            pins.append(Pin(name, exactly.version, tuple(_HASH.findall(line))))
    return tuple(sorted(pins, key=lambda pin: pin.name))


def _counts(marker: Marker | None, target: Target) -> bool:
    return marker is None or marker.evaluate(target.environment)
