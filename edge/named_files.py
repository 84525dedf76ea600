"""Looks at the files that settings name by what their keys promise: certificates, secrets."""

import stat
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

from pydantic import BaseModel

from edge.errors import MaskGateError
from edge.paths import reason

FILE_LIMIT = 10_000_000
"""Bytes that are read of a file of certificates; a system's whole store has 300,000."""
SOON = timedelta(days=14)
Keys = tuple[str, ...]


def named_files(table: BaseModel, keys: Keys = ()) -> Iterator[tuple[Keys, Path]]:
    """The certificates and secrets that settings name, by their keys.

    Args:
        table: the settings, or a part of them.
        keys: where that part is.
    """
    for name, value in table:
        yield from _files_in(value, (*keys, name))


def look_at(keys: Keys, file: Path) -> str | None:
    """Look at a file that the settings name.

    Returns:
        A warning of what will be wrong soon; None for nothing.

    Raises:
        MaskGateError: it cannot be read, is not what its key promises, can be read by everyone
            though it holds a secret, or has expired.
    """
    try:
        with file.open("rb") as opened:
            mode = file.stat().st_mode
            content = opened.read(FILE_LIMIT)
    except OSError as error:
        raise MaskGateError(f"{file}: {reason(error)}") from error
    return _KINDS[_kind(keys)](file, mode, content)


def _files_in(value: object, keys: Keys) -> Iterator[tuple[Keys, Path]]:
    if isinstance(value, BaseModel):
        yield from named_files(value, keys)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _files_in(inner, (*keys, name))
    elif isinstance(value, Path) and _kind(keys) in _KINDS:
        yield keys, value


def _kind(keys: Keys) -> str:
    return keys[-1].rpartition("_")[0].rpartition("_")[2] if keys[-1].endswith("_file") else ""


def _secret(file: Path, mode: int, _content: bytes) -> str | None:
    if mode & stat.S_IROTH:
        raise MaskGateError(
            f"{file}: every user of this machine can read this secret; 'chmod o-r {file}'"
        )
    return None


def _certificates(file: Path, _mode: int, content: bytes) -> str | None:
    from cryptography.x509 import load_pem_x509_certificates

    try:
        found = load_pem_x509_certificates(content)
    except ValueError as error:
        raise MaskGateError(f"{file}: expected certificates in PEM form") from error
    now = datetime.now(timezone.utc)
    ends = [certificate.not_valid_after_utc for certificate in found]
    # Of a store of many, those of CAs that are no more are usual and no matter.
    if max(ends) < now:
        raise MaskGateError(f"{file}: expired on {max(ends):%Y-%m-%d}; install a new certificate")
    begins = min(certificate.not_valid_before_utc for certificate in found)
    if begins > now:
        raise MaskGateError(
            f"{file}: not valid before {begins:%Y-%m-%d}, and it is {now:%Y-%m-%d} by this "
            "device's clock; set the clock, or install another certificate"
        )
    if max(ends) < now + SOON:
        return f"{file}: expires on {max(ends):%Y-%m-%d}; install a new certificate"
    return None


_KINDS: dict[str, Callable[[Path, int, bytes], str | None]] = {
    "ca": _certificates,
    "cert": _certificates,
    "key": _secret,
    "password": _secret,
}
"""By what stands before _file in a key."""
