"""arm64 Pythons, as Debian and so Raspberry Pi OS have them, run by qemu-user on this machine.

Kept in ~/.cache/maskgate/emulated, so that only the first run downloads them (140 MB). Nothing is
installed, mounted or run as root: qemu looks into the tree for whatever a program opens, and /proc
and /sys, without which LiteRT leaves XNNPACK out, are this machine's.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
"""Of each suite."""
MIRROR = "http://deb.debian.org/debian"
OLDEST_QEMU = 10
"""7.2, which bookworm has, makes LiteRT crash."""
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "maskgate"
"""The user's; read at once, for tests have one of their own."""
LIMIT = 600
"""Seconds."""
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def run_emulated(
    suite: str, words: Sequence[str], modules: Path
) -> subprocess.CompletedProcess[str]:
    """Run a suite's Python; skips the test where that is not to be had.

    Args:
        suite: of PYTHONS.
        words: its arguments.
        modules: folder of more modules.
    """
    tree, qemu = _tree(suite), _qemu()
    program = tree / "usr" / "bin" / f"python{PYTHONS[suite]}"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(modules),
        "PYTHONHOME": str(tree / "usr"),
        "PYTHONPATH": str(modules),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [str(qemu), "-L", str(tree), str(program), *words],
        env=environment,
        cwd=modules,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def _qemu() -> Path:
    for name in ("qemu-aarch64-static", "qemu-aarch64"):
        found = shutil.which(name)
        if found and _major(Path(found)) >= OLDEST_QEMU:
            return Path(found)
    return _made("qemu", _fetch_qemu) / "usr" / "bin" / "qemu-aarch64"


def _major(qemu: Path) -> int:
    said = subprocess.check_output([qemu, "--version"], text=True)
    return int(said.split("version ")[1].split(".")[0])


def _fetch_qemu(place: Path) -> None:
    """Unpack trixie's, which is linked statically, whatever this system is."""
    _require("apt-get", "dpkg-deb")
    (place / "lists" / "partial").mkdir(parents=True)
    (place / "archives" / "partial").mkdir(parents=True)
    (place / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} trixie main\n")
    options = [
        f"Dir::State::lists={place}/lists", "Dir::State::status=/dev/null", f"Dir::Cache={place}",
        f"Dir::Etc::sourcelist={place}/sources.list", "Dir::Etc::sourceparts=/dev/null",
    ]  # fmt: skip
    apt = ["apt-get", "-qq", *(word for option in options for word in ("-o", option))]
    _call([*apt, "update"], place)
    _call([*apt, "download", "qemu-user"], place)
    [package] = place.glob("qemu-user_*.deb")
    _call(["dpkg-deb", "-x", str(package), str(place)], place)
    package.unlink()
    shutil.rmtree(place / "lists")


def _tree(suite: str) -> Path:
    return _made(suite, lambda place: _fetch_tree(suite, place))


def _fetch_tree(suite: str, place: Path) -> None:
    """Unpack what Python and the wheels' libraries need; nothing of it is run."""
    _require("mmdebstrap")
    words = ["mmdebstrap", "--quiet", "--variant=extract", "--architectures=arm64"]
    words += ["--include=python3,libstdc++6,zlib1g", suite, str(place), MIRROR]
    _call(words, place.parent)
    # The loader is asked for by its old path, which a package not needed otherwise would bring.
    if not (place / "lib").exists():
        (place / "lib").symlink_to("usr/lib")
    for waste in ("var/cache/apt", "var/lib/apt", "usr/share/doc", "usr/share/locale"):
        shutil.rmtree(place / waste, ignore_errors=True)


def _made(name: str, make: Callable[[Path], None]) -> Path:
    """A folder of the cache, made whole or not at all."""
    folder = CACHE / "emulated" / name
    if not folder.exists():
        part = folder.with_name(f".{name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        make(part)
        part.rename(folder)
    return folder


def _require(*programs: str) -> None:
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed")


def _call(words: list[str], folder: Path) -> None:
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        pytest.skip(f"{words[0]}: {lines[-1]}")
