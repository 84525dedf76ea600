"""The wheels that a device installs without a network, downloaded for its Python and processor.

NumPy is always MaskGate's own, never the system's, which may be older than MaskGate needs (bookworm
has 1.24): also in an environment that sees the system's packages, its own come first. But compiled
packages of the system, such as those that picamera2 draws on, then run with our NumPy, and NumPy
keeps its binary interface within a major version alone. So a profile constrains it to the system's
major version: on Raspberry Pi OS bookworm "numpy<2", and with it comes the last OpenCV that runs
with that; on trixie, whose packages are built against 2, the newest will do. OpenCV is MaskGate's
own too.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from edge.errors import MaskGateError
from firmware_config.installer.files import sha256_of
from firmware_config.own_wheel import build_own_wheel
from firmware_config.pins import Pin, Target, read_pins

OLDEST_GLIBC, NEWEST_GLIBC = 17, 35
"""Wheels for glibc 2.17 (manylinux2014) to 2.35 run on all systems that profiles fit; Ubuntu 22.04,
which JetPack 6 is, has 2.35."""
MACHINES = ("aarch64", "x86_64")
_AWAY = ("Retrying (", "NewConnectionError", "ProxyError", "SSLError", "ReadTimeout", "HTTPError")
"""What pip says where the package index cannot be reached."""
_REASONS = (
    ("No space left on device", "the disk is full; free about 300 MB"),
    ("DO NOT MATCH THE HASHES", "a file is not what constraints/ says it is; use another index"),
    ("No module named pip", "this Python has no pip; run it from the environment of make flash"),
)  # fmt: skip


def default_cache() -> Path:
    """Where downloaded wheels are kept, by the XDG specification."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return folder / "maskgate" / "wheels"


def fetch_wheels(target: Target, cache: Path | None = None) -> tuple[Path, ...]:
    """Have all wheels of a device at hand, MaskGate's own and pip's among them.

    What was downloaded before is used again, after a look at its hash, without a network.

    Args:
        target: which Python and processor they are for.
        cache: folder that keeps them; by default default_cache().

    Returns:
        The files, by name.

    Raises:
        MaskGateError: this is no checkout, there is no wheel for this target, or the index cannot
            be reached or the disk is full; what is there by then is used the next time.
    """
    if target.machine not in MACHINES:
        raise MaskGateError(
            f"wheels for {target}: expected {' or '.join(MACHINES)}; 32-bit systems have no LiteRT"
        )
    pins = read_pins(target)
    cache = cache or default_cache()
    folder = cache / f"cp{target.python.replace('.', '')}-{target.machine}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = _wheels(folder, pins)
        missing = [pin for pin in pins if pin not in found]
        if missing:
            _download(missing, target, folder)
            found = _wheels(folder, pins)
    except OSError as error:
        raise MaskGateError(
            f"wheels {folder}: {error.strerror or error}; free some space, or name another cache"
        ) from error
    absent = [pin.name for pin in pins if pin not in found]
    if absent:
        raise MaskGateError(f"wheels for {target}: {', '.join(absent)} did not come; try again")
    own = build_own_wheel(cache / "maskgate")
    return tuple(sorted([*found.values(), own], key=lambda path: path.name))


def _wheels(folder: Path, pins: tuple[Pin, ...]) -> dict[Pin, Path]:
    """The wheels that are there and intact; what was cut short is removed."""
    known = {(pin.name, pin.version): pin for pin in pins}
    found = {}
    for path in sorted(folder.glob("*.whl")):
        try:
            name, version, _, _ = parse_wheel_filename(path.name)
        except InvalidWheelFilename:
            continue
        pin = known.get((canonicalize_name(name), str(version)))
        if pin is None:
            continue
        if f"sha256:{sha256_of(path)}" in pin.hashes:
            found[pin] = path
        else:
            path.unlink()
    return found


def _download(pins: list[Pin], target: Target, folder: Path) -> None:
    words = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    words += ["--require-hashes", "--progress-bar=off", "--no-input", "--retries=2"]
    words += ["--disable-pip-version-check", "--implementation=cp", "--dest", str(folder)]
    words += [f"--python-version={target.python}", f"--abi=cp{target.python.replace('.', '')}"]
    words += [f"--platform={platform}" for platform in _platforms(target.machine)]
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as wanted:
        wanted.write("\n".join(pin.line for pin in pins) + "\n")
        wanted.flush()
        said = _run([*words, "--requirement", wanted.name], len(pins), target)
    if said is not None:
        raise MaskGateError(f"wheels for {target}: {_reason(said)}")


def _platforms(machine: str) -> Iterator[str]:
    """The newest first: pip takes the first that there is a wheel for."""
    for minor in range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
    yield f"manylinux2014_{machine}"
    if machine == "x86_64":
        yield from ("manylinux_2_12_x86_64", "manylinux_2_5_x86_64")
        yield from ("manylinux2010_x86_64", "manylinux1_x86_64")


def _run(words: list[str], expected: int, target: Target) -> str | None:
    """Run pip, and show how far it is; what it said if it failed."""
    said = []
    bar: Any = click.progressbar(length=expected, label=f"wheels for {target}", file=sys.stderr)
    with (
        bar,
        subprocess.Popen(  # noqa: S603  (nothing in it is a user's)
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as pip,
    ):
        try:
            for line in pip.stdout or ():
                said.append(line)
                bar.update(line.startswith("Collecting "))
        except BaseException:
            pip.kill()
            raise
    return "".join(said) if pip.returncode else None


def _reason(said: str) -> str:
    for words, reason in _REASONS:
        if words in said:
            return reason
    if any(words in said for words in _AWAY):
        return "the package index cannot be reached; try again when there is a network"
    for line in said.splitlines():
        if "No matching distribution found for " in line:
            wanted = line.rpartition("found for ")[2].split()[0]
            return f"there is no wheel of {wanted}; use a system with another Python"
    return f"pip failed ({(said.strip() or 'it said nothing').splitlines()[-1]})"
