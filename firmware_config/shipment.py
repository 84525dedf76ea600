"""Files on their way to a host, and what is to be done with them there."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from edge.errors import MaskGateError
from firmware_config.installer.files import installed_size, sha256_of
from firmware_config.packed_installer import packed_installer
from firmware_config.payload import DESCRIPTION, INSTALLER, SCHEMA, payload_id

_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Shipment:
    """Files for a host, and what is to be done with them there."""

    id: str
    files: dict[str, tuple[Path, str]]
    """Where they lie on the host, in the payload's folder: the file here, its SHA-256."""
    command: list[str]
    """Arguments of install.py."""
    keep: bool
    """Whether the files stay, but for the secrets, to be compared with the next ones."""
    unpacked: int = 0
    """Bytes that the release will take."""

    def size(self, path: str) -> int:
        """Bytes of a file."""
        return self.files[path][0].stat().st_size

    def order(self, root: str) -> bytes:
        """What on_host.py is told.

        Args:
            root: the folder that is the host's root.
        """
        said = {
            "root": root,
            "id": self.id,
            "files": {path: (sha256, self.size(path)) for path, (_, sha256) in self.files.items()},
            "command": self.command,
            "keep": self.keep,
            "unpacked": self.unpacked,
        }
        return json.dumps(said).encode() + b"\n"

    def chunks(self, path: str, begin: int) -> Iterator[bytes]:
        """The bytes of a file, from a place to its announced end, whatever becomes of it.

        Raises:
            MaskGateError: it cannot be read any more.
        """
        file, left = self.files[path][0], self.size(path) - begin
        try:
            with file.open("rb") as stream:
                stream.seek(begin)
                while left:
                    chunk = stream.read(min(_CHUNK, left)) or bytes(min(_CHUNK, left))
                    yield chunk
                    left -= len(chunk)
        except OSError as error:
            raise MaskGateError(
                f"payload {file}: it cannot be read ({error.strerror}); build the payload again"
            ) from error


def read_payload(folder: Path) -> tuple[dict[str, Any], Shipment]:
    """What installs a payload; and what that says of itself.

    Args:
        folder: as payload.py makes it.

    Raises:
        MaskGateError: it is none, or not whole.
    """
    described = folder / DESCRIPTION
    try:
        content = described.read_bytes()
        payload = json.loads(content)
        hashes = {**payload["files"], DESCRIPTION: hashlib.sha256(content).hexdigest()}
        if payload["schema"] != SCHEMA:
            raise ValueError(f"schema {payload['schema']}, expected {SCHEMA}")
        files = {path: (_file(folder, path), sha256) for path, sha256 in hashes.items()}
        unpacked = sum(installed_size(file) for file, _ in files.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = repr(error) if isinstance(error, KeyError) else str(error)
        raise MaskGateError(
            f"payload {folder}: it is not one, or not whole ({why}); build it again"
        ) from error
    return payload, Shipment(payload_id(folder), files, ["install"], keep=True, unpacked=unpacked)


def _file(folder: Path, path: str) -> Path:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts:
        raise ValueError(f"{path} is not in it")
    file = folder / path
    if not file.is_file():
        raise ValueError(f"{path} is missing")
    return file


def pack_removal(folder: Path, *, purge: bool) -> Shipment:
    """What takes MaskGate from a host.

    It has an installer of its own: that of the host's last payload may be damaged, or never have
    come.

    Args:
        folder: for what is made, until it has arrived.
        purge: what the device has not sent yet goes, too.
    """
    installer = folder / INSTALLER
    installer.write_bytes(packed_installer())
    command = ["remove", *(["--purge"] if purge else [])]
    return Shipment("remove", {INSTALLER: (installer, sha256_of(installer))}, command, keep=False)
