"""Public keys: who may sign bundles for this device."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from edge.errors import MaskGateError

KEY_LIMIT = 10_000
"""Bytes of a key's file; an Ed25519 key has about a hundred."""


@dataclass(frozen=True, slots=True)
class Key:
    """A trusted public key."""

    path: Path
    raw: bytes
    """The 32 bytes of the key (RFC 8032)."""

    def __str__(self) -> str:
        return f"{fingerprint(self.raw)} ({self.path.name})"


def fingerprint(raw: bytes) -> str:
    """How people tell keys apart: the first 16 hex digits of the SHA-256 of a key's 32 bytes."""
    return hashlib.sha256(raw).hexdigest()[:16]


def read_key(path: Path) -> Key:
    """Read a public key (PEM).

    Raises:
        MaskGateError: it is not there, or no Ed25519 public key.
    """
    # 10 MB and a tenth of a second that a device without keys does not have to spend.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = read_key_file(path)
    if b"PRIVATE KEY-----" in content:
        raise MaskGateError(
            f"key {path}: it is a private key, which no device should have; expected the public "
            f"one, which maskgate-convert key wrote beside it as {path.name}.pub"
        )
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MaskGateError(f"key {path}: expected an Ed25519 public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise MaskGateError(f"key {path}: expected an Ed25519 public key, found another kind")
    return Key(path, key.public_bytes_raw())


def read_key_file(path: Path) -> bytes:
    """Read a key's file.

    Raises:
        MaskGateError: it cannot be read, or is too large for a key.
    """
    try:
        if path.exists() and not path.is_file():
            raise MaskGateError(f"key {path}: no file; name the PEM file of a key")
        with path.open("rb") as file:
            content = file.read(KEY_LIMIT + 1)
    except OSError as error:
        raise MaskGateError(
            f"key {path}: it cannot be read ({error.strerror}); name the PEM file of a key"
        ) from error
    if len(content) > KEY_LIMIT:
        raise MaskGateError(f"key {path}: too large for a key; name the PEM file of a key")
    return content
