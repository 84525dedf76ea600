"""The payload: all that one device gets, in a folder, the same for an image and for ssh.

    payload.json      what it is, and the SHA-256 of each file; its own begins with the payload's id
    install.py        installs it on the device
    wheels/           everything that the device's Python needs
    bundles/          the signed bundles
    photos/           the demo's, on which a new bundle is tried
    etc/              settings and secrets, for /etc/maskgate
    system/           units and drop-ins, for /

The same input gives the same bytes. It holds the device's secrets: keep it to yourself.
"""

import hashlib
import json
import os
import re
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edge import __version__
from edge.demo.portraits import COLLINS, HOPPER, find_photo
from edge.errors import MaskGateError
from edge.trust.signing import sign_bundle
from edge.writing import replacing
from firmware_config.installer.files import sha256_of
from firmware_config.packed_installer import packed_installer
from firmware_config.settings import TRUSTED_KEY, device_bundles, device_settings
from firmware_config.system_files import system_files
from firmware_config.wheelhouse import fetch_wheels

if TYPE_CHECKING:
    from firmware_config.credentials import Credentials
    from firmware_config.inventory import Device, Fleet
    from firmware_config.pins import Target
    from firmware_config.profile import Profile

SCHEMA = 1
DESCRIPTION = "payload.json"
INSTALLER = "install.py"
_ID_LENGTH = 12


def build_payload(
    fleet: "Fleet",
    device: "Device",
    profile: "Profile",
    target: "Target",
    credentials: "Credentials",
    out: Path,
    wheels: Sequence[Path] | None = None,
) -> Path:
    """Build the payload of a device.

    Args:
        fleet: its broker.
        device: whose it is.
        profile: the kind of device.
        target: the Python and processor that it has.
        credentials: its password, the CA and the key that bundles are signed with.
        out: the folder to make; what is there is replaced once all is made.
        wheels: those that it gets; by default they are downloaded.

    Returns:
        The folder.

    Raises:
        MaskGateError: settings, bundles or the signing key are wrong, wheels are not to be had, or
            the folder cannot be written; then it is as it was.
    """
    settings = device_settings(device, profile, fleet.broker)
    bundles = device_bundles(device, profile)
    secrets = credentials.for_device(device)
    wheels = fetch_wheels(target) if wheels is None else wheels
    etc = {
        "maskgate.toml": settings.encode(),
        "password": f"{secrets.password}\n".encode(),
        "ca.pem": secrets.ca_pem,
    }
    part = out.with_name(f".{out.name}.part")
    try:
        _remove(part)
        part.mkdir(mode=0o700, parents=True)
        for wheel in wheels:
            _copy(wheel, part / "wheels" / wheel.name)
        _add_bundles(part / "bundles", bundles, credentials.bundle_key)
        for portrait in (COLLINS, HOPPER):
            _copy(find_photo(portrait), part / "photos" / portrait.file)
        etc[TRUSTED_KEY] = credentials.bundle_public_key.read_bytes()
        for name, content in etc.items():
            _write(part / "etc" / name, content)
        for name, content in system_files(profile).items():
            _write(part / "system" / name, content)
        _write(part / INSTALLER, packed_installer())
        _write(part / DESCRIPTION, _describe(part, device, profile, target))
        _remove(out)
        part.rename(out)
    except OSError as error:
        raise MaskGateError(
            f"payload {out}: it cannot be written ({error.strerror}); free some space, or name "
            "another place"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out


def payload_id(folder: Path) -> str:
    """The number that a payload is known by: the first digits of its description's SHA-256.

    Raises:
        OSError: the folder is none of a payload.
    """
    return hashlib.sha256((folder / DESCRIPTION).read_bytes()).hexdigest()[:_ID_LENGTH]


def pack(folder: Path, tar: Path) -> None:
    """Pack a payload into a tar; the same payload gives the same bytes.

    Args:
        folder: as build_payload makes it.
        tar: the file to make, readable by this user alone, for it holds secrets.

    Raises:
        MaskGateError: it cannot be written.
    """
    try:
        with replacing(tar) as file:
            os.fchmod(file.fileno(), 0o600)
            _pack(folder, file)
        tar.chmod(0o600)
    except OSError as error:
        raise MaskGateError(
            f"payload {tar}: it cannot be written ({error.strerror}); free some space, or name "
            "another place"
        ) from error


def _describe(folder: Path, device: "Device", profile: "Profile", target: "Target") -> bytes:
    said = {
        "schema": SCHEMA,
        "site": device.site,
        "device": device.id,
        "profile": profile.name,
        "python": target.python,
        "machine": target.machine,
        "version": __version__,
        "packages": sorted(set(profile.packages)),
        "system_site_packages": profile.system_site_packages,
        "files": {
            str(path.relative_to(folder)): sha256_of(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    }
    return json.dumps(said, indent=1).encode() + b"\n"


def _add_bundles(folder: Path, bundles: Mapping[str, Path], key: Path) -> None:
    """Copy the bundles, folders or zips, and sign the copies; the names are what settings say."""
    folder.mkdir(mode=0o700)
    for name, source in sorted(bundles.items()):
        copy = folder / name
        if source.is_dir():
            for path in sorted(source.rglob("*")):
                if path.is_file():
                    _copy(path, copy / path.relative_to(source))
        else:
            _copy(source, copy)
        sign_bundle(copy, key, lambda: _no_password(key))


def _no_password(key: Path) -> str:
    raise MaskGateError(
        f"key {key}: it has a password; bundles are signed by a key without one when flashing"
    )


def _pack(folder: Path, file: BinaryIO) -> None:
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            entry = tarfile.TarInfo(str(path.relative_to(folder)))
            if path.is_dir():
                entry.type, entry.mode = tarfile.DIRTYPE, 0o700
                archive.addfile(entry)
            else:
                entry.mode, entry.size = 0o600, path.stat().st_size
                with path.open("rb") as content:
                    archive.addfile(entry, content)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o600)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123  (a descriptor is no path)
        file.write(content)


def _remove(folder: Path) -> None:
    """Remove a payload, and nothing that is none: a name may be mistyped."""
    if not folder.exists():
        return
    if not re.fullmatch(r"\..*\.part", folder.name) and not (folder / DESCRIPTION).is_file():
        raise MaskGateError(
            f"payload {folder}: something else is there, which would be removed; name another place"
        )
    shutil.rmtree(folder)
