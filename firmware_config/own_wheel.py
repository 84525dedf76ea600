"""MaskGate's own wheel, built from the checkout; the same sources give the same bytes."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from edge.errors import MaskGateError
from firmware_config.checkout import checkout

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "NOTICE")
ROOMS = ("edge", "train", "convert", "firmware_config")
EPOCH = 315_532_800
"""1980-01-01, the earliest time that a zip can hold."""
KEPT = 5
"""Wheels of other sources that stay in the cache."""
BUILD_LIMIT = 300
"""Seconds."""


def build_own_wheel(cache: Path) -> Path:
    """Build the wheel, or take it from the cache where the sources are the same.

    Args:
        cache: a folder, made if need be.

    Raises:
        MaskGateError: this is no checkout, pip or setuptools are missing, or the disk is full.
    """
    files = _sources(checkout())
    folder = cache / _digest(files)
    found = list(folder.glob("maskgate-*.whl"))
    if found:
        os.utime(folder)
        return found[0]
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".building-") as place:
            wheel = _build(files, Path(place))
            folder.mkdir(exist_ok=True)
            done = wheel.replace(folder / wheel.name)
        _prune(cache)
    except OSError as error:
        raise MaskGateError(
            f"MaskGate's wheel: it cannot be built in {cache} ({error.strerror}); free some space, "
            "or name another cache"
        ) from error
    return done


def _sources(root: Path) -> list[tuple[Path, Path]]:
    """What goes into the wheel: each file, and its place relative to the checkout."""
    names = [root / name for name in SOURCES]
    for room in ROOMS:
        names += [
            path
            for path in (root / room).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        ]
    return [(path, path.relative_to(root)) for path in sorted(names)]


def _digest(files: list[tuple[Path, Path]]) -> str:
    digest = hashlib.sha256()
    for path, name in files:
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def _build(files: list[tuple[Path, Path]], place: Path) -> Path:
    # In a copy: setuptools leaves a folder behind, from which files that are gone would come back.
    for path, name in files:
        copy = place / "source" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        copy.chmod(0o644)
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    words += ["--no-build-isolation", "--wheel-dir", str(place / "wheel"), str(place / "source")]
    done = subprocess.run(  # noqa: S603  (nothing in it is a user's)
        words,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "PYTHONHASHSEED": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BUILD_LIMIT,
        umask=0o022,
        check=False,
    )
    found = list((place / "wheel").glob("maskgate-*.whl"))
    if done.returncode or not found:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise MaskGateError(
            f"MaskGate's wheel: it cannot be built ({said}); pip and setuptools are needed, as "
            "make installs them"
        )
    return found[0]


def _prune(cache: Path) -> None:
    folders = [path for path in cache.iterdir() if not path.name.startswith(".")]
    for old in sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
