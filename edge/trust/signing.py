"""Keys, and signatures of bundles."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from edge.bundle import MODEL_LIMIT, SIGNATURE, Bundle, load_bundle
from edge.bundle_files import ZipFiles
from edge.errors import MaskGateError
from edge.paths import check_place
from edge.trust.keys import fingerprint, read_key_file
from edge.trust.signature import Signature, read_signature
from edge.writing import replacing

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold; signing the same bundle again gives the same zip."""


def make_key(out: Path, password: str | None = None) -> str:
    """Make a key pair: the private key, readable by this user alone, and beside it OUT.pub.

    Args:
        out: file of the private key (PEM, PKCS#8).
        password: protects the private key.

    Returns:
        The key's fingerprint.

    Raises:
        MaskGateError: one of the files is there already, which is never replaced, or cannot be
            written; then neither is left behind.
    """
    public = out.with_name(f"{out.name}.pub")
    for path in (out, public):
        check_place(path, "key")
        if os.path.lexists(path):
            raise MaskGateError(
                f"key {path}: it is already there, and a key is never replaced; name another file"
            )
    key = Ed25519PrivateKey.generate()
    protection = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
    known = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    made: list[Path] = []
    try:
        for path, content, mode in ((out, secret, 0o600), (public, known, 0o644)):
            _write_new(path, content, mode, made)
    except OSError as error:
        for path in made:
            path.unlink()
        raise MaskGateError(
            f"key {out}: it cannot be written ({error.strerror}); name another file"
        ) from error
    return fingerprint(key.public_key().public_bytes_raw())


def sign_bundle(place: Path, key: Path, password: Callable[[], str]) -> str:
    """Sign a bundle, a folder or a zip, in place of the signature that it may have.

    Args:
        place: the bundle; its files are checked first. A zip is written anew.
        key: file of the private key (PEM).
        password: asked for the password of a key that has one.

    Returns:
        The key's fingerprint.

    Raises:
        MaskGateError: the bundle is damaged, the key is none, or the signature is a link or cannot
            be written; then the bundle is as it was.
    """
    secret = _read_private_key(key, password)
    bundle = load_bundle(place)
    for file in bundle.manifest.files:
        bundle.content(file)
    raw = secret.public_key().public_bytes_raw()
    content = Signature(raw, secret.sign(bundle.signed)).content
    try:
        if isinstance(bundle.files, ZipFiles):
            _rewrite(bundle, bundle.files, content)
        else:
            if (place / SIGNATURE).is_symlink():
                raise MaskGateError(
                    f"bundle {place}: its {SIGNATURE} is a link, and what it leads to would be "
                    "overwritten; remove it"
                )
            with replacing(place / SIGNATURE) as signature:
                signature.write(content)
    except OSError as error:
        raise MaskGateError(
            f"bundle {place}: its signature cannot be written ({error.strerror}); "
            "copy the bundle to where this user may write"
        ) from error
    read_signature(load_bundle(place))
    return fingerprint(raw)


def _rewrite(bundle: Bundle, files: ZipFiles, signature: bytes) -> None:
    """Write the zip anew, with this signature and no other."""
    within = files.prefix
    with replacing(bundle.path) as file, zipfile.ZipFile(file, "w") as new:
        for entry in files.entries:
            name = entry.filename.removeprefix(within)
            if entry.is_dir() or name == SIGNATURE:
                continue
            content = files.read(name, MODEL_LIMIT)
            if len(content) > MODEL_LIMIT:
                raise MaskGateError(
                    f"bundle {bundle.path}: {name} has more than {MODEL_LIMIT} bytes; take it "
                    "out of the zip"
                )
            copy = zipfile.ZipInfo(entry.filename, entry.date_time)
            copy.compress_type, copy.external_attr = entry.compress_type, entry.external_attr
            new.writestr(copy, content)
        new.writestr(zipfile.ZipInfo(within + SIGNATURE, _EPOCH), signature)


def _read_private_key(path: Path, password: Callable[[], str]) -> Ed25519PrivateKey:
    content = read_key_file(path)
    if b"PUBLIC KEY-----" in content:
        raise MaskGateError(f"key {path}: it is a public key; expected the private one")
    protected = False
    try:
        try:
            key = load_pem_private_key(content, None)
        except TypeError:  # The key has a password.
            protected = True
            key = load_pem_private_key(content, password().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        reason = (
            "the password is wrong or the file is damaged"
            if protected
            else "expected an Ed25519 private key in PEM, as maskgate-convert key makes it"
        )
        raise MaskGateError(f"key {path}: {reason}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise MaskGateError(f"key {path}: expected an Ed25519 private key, found another kind")
    return key


def _write_new(path: Path, content: bytes, mode: int, made: list[Path]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    made.append(path)
    with open(descriptor, "wb") as file:  # noqa: PTH123  (a descriptor is no path)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
