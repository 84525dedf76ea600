"""The payload: what is to be installed, checked before anything is touched."""

import hashlib
import json
import platform
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from .files import sha256_of
from .steps import InstallError

NAME = "payload.json"
SCHEMA = 1


@dataclass(frozen=True)
class Payload:
    """A payload's folder, and what it says of itself."""

    folder: Path
    id: str
    site: str
    device: str
    profile: str
    python: str
    machine: str
    version: str
    packages: tuple[str, ...]
    system_site_packages: bool
    files: dict[str, str]
    """SHA-256 of each, by its path in the folder."""

    def under(self, part: str) -> list[PurePosixPath]:
        """The files of a part of it, such as "etc", relative to that part."""
        paths = map(PurePosixPath, sorted(self.files))
        return [path.relative_to(part) for path in paths if path.parts[0] == part]


def read_payload(folder: Path) -> Payload:
    """Read what a payload says of itself, and nothing else of it.

    Raises:
        InstallError: it is none.
    """
    try:
        text = (folder / NAME).read_bytes()
        said: dict[str, Any] = json.loads(text)
        if said["schema"] != SCHEMA:
            raise InstallError(
                f"{folder}: its schema is {said['schema']}, expected {SCHEMA}; use its install.py"
            )
        return Payload(
            folder=folder,
            id=hashlib.sha256(text).hexdigest()[:12],
            site=str(said["site"]),
            device=str(said["device"]),
            profile=str(said["profile"]),
            python=str(said["python"]),
            machine=str(said["machine"]),
            version=str(said["version"]),
            packages=tuple(said["packages"]),
            system_site_packages=bool(said["system_site_packages"]),
            files={_inside(path): str(value) for path, value in said["files"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InstallError(
            f"{folder}: no payload, or a damaged one ({error!r}); copy it again"
        ) from error


def require_intact(payload: Payload) -> None:
    """Check that a payload fits this machine and that all its files are what it says.

    Raises:
        InstallError: it does not, or they are not.
    """
    here = f"{sys.version_info[0]}.{sys.version_info[1]}", platform.machine()
    if here != (payload.python, payload.machine):
        raise InstallError(
            f"the payload is for Python {payload.python} on {payload.machine}, and this is Python "
            f"{here[0]} on {here[1]}; flash it with the profile of this system"
        )
    for path, expected in payload.files.items():
        try:
            found = sha256_of(payload.folder / path)
        except OSError as error:
            raise InstallError(f"{path}: {error.strerror}; copy the payload again") from error
        if found != expected:
            raise InstallError(f"{path}: it is damaged; copy the payload again")


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError(f"{path} leaves the folder")
    return path
