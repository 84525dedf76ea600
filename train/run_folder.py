"""A run's folder: taken at the start, gone on with after a kill, complete at the end."""

import json
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import keras

from edge.errors import MaskGateError
from train.fitting.checkpoint import CHECKPOINT
from train.fitting.keeping import HISTORY

SETTINGS = CHECKPOINT.with_name("settings.json")
FINGERPRINT = "dataset_sha256"
PACKAGES = ("keras", "tensorflow", "tensorflow-cpu", "jax", "numpy", "opencv-python-headless")
"""Those that decide the result."""
GIT_LIMIT = 10.0
"""Seconds that git may take to name a commit."""

Settings = dict[str, Any]
"""What makes a training this one and no other; JSON values."""


def open_run(out: Path, settings: Settings) -> bool:
    """Make a run's folder, or take up an unfinished run of the same settings.

    Returns:
        Whether the folder is new.

    Raises:
        MaskGateError: the folder holds something else or a complete run, belongs to other
            settings, or cannot be made.
    """
    # Through JSON, as the ones on disk have gone.
    settings = json.loads(json.dumps(settings))
    if (out / SETTINGS).is_file():
        _require_same(out, _read(out), settings)
        return False
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise MaskGateError(f"run {out}: it is already there; choose another folder")
        write_json(out / SETTINGS, settings)
    except OSError as error:
        raise MaskGateError(f"run {out}: cannot be made ({error.strerror})") from error
    return True


def note_data(out: Path, fingerprint: str) -> None:
    """Note which faces a run is trained on.

    Raises:
        MaskGateError: an unfinished run was begun with other faces.
    """
    settings = _read(out)
    if settings.setdefault(FINGERPRINT, fingerprint) != fingerprint:
        raise MaskGateError(
            f"run {out}: the faces are not those that it was begun with; give the same data, or "
            "choose another folder"
        )
    write_json(out / SETTINGS, settings)


@contextmanager
def beginning(out: Path, *, new: bool) -> Iterator[None]:
    """Read what a run is about.

    Raises:
        MaskGateError: as raised inside, once a folder that is `new` is gone: a run that never began
            leaves none that looks like one. Or the user interrupted.
    """
    try:
        yield
    except MaskGateError:
        if new:
            shutil.rmtree(out)
        raise
    except KeyboardInterrupt:
        raise _interrupted(out) from None


@contextmanager
def resumable(out: Path) -> Iterator[None]:
    """Train and write, which the same command goes on with after whatever stopped it.

    Raises:
        MaskGateError: the user interrupted, or the run folder cannot be written.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise _interrupted(out) from None
    except OSError as error:
        raise MaskGateError(
            f"run {out}: cannot be written ({error.strerror or error}); make room, then give the "
            "same command again to go on with it"
        ) from error


def close_run(out: Path) -> None:
    """Call a run complete: from now on nothing goes on from its checkpoint."""
    shutil.rmtree((out / CHECKPOINT).parent)


def write_json(path: Path, content: Any) -> None:
    """Write JSON, in place of the file before or not at all."""
    path.parent.mkdir(exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    beside.replace(path)


def revision() -> str:
    """Name the source that trained: the commit, with + where files differ from it."""
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=12"]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            [*git, "--dirty=+"], capture_output=True, text=True, check=True, timeout=GIT_LIMIT
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """What trained: Python and the packages that decide the result."""
    found = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _interrupted(out: Path) -> MaskGateError:
    done = 0
    if (out / HISTORY).is_file():
        done = len((out / HISTORY).read_text(encoding="utf-8").splitlines()) - 1
    return MaskGateError(
        f"run {out}: stopped after {done} epochs; give the same command again to go on from there"
    )


def _read(out: Path) -> Settings:
    try:
        settings = json.loads((out / SETTINGS).read_text(encoding="utf-8"))
        return dict(settings)
    except (OSError, ValueError, TypeError) as error:
        raise MaskGateError(
            f"run {out}: {SETTINGS} cannot be read ({error}); delete the run and start again"
        ) from error


def _require_same(out: Path, there: Settings, wanted: Settings) -> None:
    for name, value in wanted.items():
        if there.get(name) != value:
            raise MaskGateError(
                f"run {out}: an unfinished run with {name} {there.get(name)} is there, not "
                f"{value}; give the same command to go on with it, or choose another folder"
            )
