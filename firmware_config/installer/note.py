"""The note of what was installed, which the running device tells its broker."""

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from .files import write_whole
from .payload import Payload
from .places import Places

NOTE = "installed.json"
SCHEMA = 1


def is_noted(places: Places, payload: Payload) -> bool:
    """Whether it is noted that this payload is installed."""
    try:
        said: dict[str, Any] = json.loads((places.state / NOTE).read_bytes())
        return (said["payload"], said["outcome"]) == (payload.id, "installed")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def note(
    places: Places, payload: Payload, owner: tuple[int, int], seconds: float, why: str | None = None
) -> None:
    """Write down that a payload was installed, or why it was not.

    Args:
        places: where.
        payload: what was to be installed.
        owner: user and group of the service, which reads it.
        seconds: what it took.
        why: it was rolled back for this reason.
    """
    content = {
        "schema": SCHEMA,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "outcome": "rolled back" if why else "installed",
        "why": why and why[:1000],
        "payload": payload.id,
        "version": payload.version[:200],
        "profile": payload.profile[:200],
        "os": _system(places)[:200],
        "python": platform.python_version(),
        "machine": platform.machine(),
        "board": _board(places.root / "proc/device-tree/model"),
        "seconds": round(seconds, 1),
    }
    made = not places.state.exists()
    places.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if made and owner != (0, 0):
        os.chown(places.state, *owner)
    write_whole(places.state / NOTE, json.dumps(content, indent=1).encode() + b"\n", 0o640, owner)


def _system(places: Places) -> str:
    try:
        lines = (places.root / "etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.system()
    names = [
        line.partition("=")[2].strip("\"'") for line in lines if line.startswith("PRETTY_NAME=")
    ]
    return names[0] if names else platform.system()


def _board(path: Path) -> str | None:
    try:
        return path.read_bytes().rstrip(b"\0").decode(errors="replace")[:200] or None
    except OSError:
        return None
