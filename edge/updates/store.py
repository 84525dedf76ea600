"""The bundles of updates, each a zip of exactly what its manifest names."""

import errno
import hashlib
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path

from edge.bundle import SIGNATURE, Bundle
from edge.bundle_files import MANIFEST
from edge.errors import MaskGateError
from edge.trust.signature import KEY_BYTES, SIGNATURE_BYTES
from edge.updates.partial import NOTE
from edge.writing import replacing

ROOM_LEFT = 32 * 2**20
"""Bytes of the disk that an update leaves free, for the alerts that wait there too."""
_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every entry: the same bundle makes the same zip."""


def stored_name(bundle: Bundle) -> str:
    """The name of a bundle's file in the folder; another one for every other manifest."""
    manifest = bundle.manifest
    digest = hashlib.sha256(bundle.signed).hexdigest()[:12]
    return f"{manifest.name}-{manifest.version}-{digest}.zip"


def store(bundle: Bundle, folder: Path, limit: int) -> Path:
    """Put a bundle into the folder, every file of it held against its hash.

    Args:
        bundle: which is trusted.
        folder: the updates'.
        limit: bytes that its files may have together.

    Returns:
        The zip.

    Raises:
        MaskGateError: a file is missing or altered, it is too large, or there is no room for it.
    """
    size = sum(file.size for file in bundle.manifest.files) + len(bundle.signed)
    if size > limit:
        raise MaskGateError(
            f"bundle {bundle.path}: its files have {size} bytes, expected at most {limit}; leave "
            "forms out of it, or set updates.max_megabytes higher"
        )
    path = folder / stored_name(bundle)
    try:
        require_room(folder, size)
        with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            _add(archive, MANIFEST, bundle.signed)
            signature = bundle.files.read(SIGNATURE, KEY_BYTES + SIGNATURE_BYTES)
            _add(archive, SIGNATURE, signature)
            for name in {one.path: one for one in bundle.manifest.files}.values():
                _add(archive, name.path, bundle.content(name))
    except OSError as error:
        raise MaskGateError(
            f"bundle {bundle.path}: cannot be put into {folder} ({error.strerror}); free some "
            "space, or set updates.folder to another folder"
        ) from error
    return path


def require_room(folder: Path, size: int) -> None:
    """Check that the disk has room for so many bytes.

    Raises:
        OSError: it has not.
    """
    free = shutil.disk_usage(folder).free
    if free < size + ROOM_LEFT:
        raise OSError(errno.ENOSPC, f"{free} bytes are free, expected {size + ROOM_LEFT}")


def tidy(folder: Path, kept: Iterable[str | None]) -> None:
    """Remove bundles that nobody will run again, and what a kill has left.

    Args:
        folder: the updates'.
        kept: names of the files that stay.

    Raises:
        MaskGateError: they cannot be removed.
    """
    stay = set(kept)
    try:
        for path in folder.iterdir():
            left = path.name.startswith(".") and path.name.endswith((".zip.part", f"{NOTE}.part"))
            if left or (path.suffix == ".zip" and path.name not in stay):
                path.unlink(missing_ok=True)
    except OSError as error:
        raise MaskGateError(
            f"updates {folder}: cannot be tidied ({error.strerror}); let this user write there"
        ) from error


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _TIME), content)
