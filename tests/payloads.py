"""Payloads for tests: as payload.py makes them, but small and made up."""

import hashlib
import json
import platform
import random
import sys
from pathlib import Path

PASSWORD = "the-device's-very-own-password"  # noqa: S105
STAND_IN = Path(__file__).with_name("stand_in_install.py")


def make_payload(
    folder: Path, *, settings: str = "", size: int = 20_000, last: int = 0, **says: str
) -> Path:
    """Make a payload with three wheels, a bundle, settings and a password.

    Args:
        folder: where.
        settings: text of maskgate.toml.
        size: bytes of each wheel.
        last: which bytes the last wheel has.
        says: what payload.json says otherwise.
    """
    contents = {
        "install.py": STAND_IN.read_bytes(),
        "wheels/one-1-py3-none-any.whl": _noise(1, size),
        "wheels/two-1-py3-none-any.whl": _noise(2, size),
        "wheels/last-1-py3-none-any.whl": _noise(100 + last, size),
        "bundles/classifier/manifest.json": b"{}",
        "etc/maskgate.toml": f"# {settings}\n".encode(),
        "etc/password": PASSWORD.encode(),
        "system/etc/systemd/system/maskgate.service": b"[Service]\n",
    }
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    said = {
        "schema": 1,
        "site": "hq",
        "device": "north-door",
        "profile": "generic",
        "python": "{}.{}".format(*sys.version_info),
        "machine": platform.machine(),
        "version": "0.1.0",
        "packages": [],
        "system_site_packages": False,
        "files": {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()},
        **says,
    }
    (folder / "payload.json").write_text(json.dumps(said, indent=1))
    return folder


def say(payload: Path, **changed: object) -> None:
    """Have a payload say something else of itself."""
    described = payload / "payload.json"
    described.write_text(json.dumps({**json.loads(described.read_text()), **changed}))


def secrets_under(folder: Path) -> list[Path]:
    """The files that hold the password."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if PASSWORD.encode() in path.read_bytes()]


def _noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311
