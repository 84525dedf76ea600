"""Units, drop-ins and whatever else of the payload lies outside its own folders."""

import stat
from pathlib import Path, PurePosixPath

from .files import write_whole
from .payload import read_payload
from .places import Places
from .steps import InstallError
from .system import System

TAKES_EFFECT = {
    "etc/systemd/system/": ("daemon-reload",),
    "etc/systemd/system.conf.d/": ("daemon-reexec",),
    "etc/systemd/journald.conf.d/": ("try-restart", "systemd-journald.service"),
    "etc/systemd/timesyncd.conf.d/": ("try-restart", "systemd-timesyncd.service"),
    "etc/modules-load.d/": ("restart", "systemd-modules-load.service"),
}
"""What has systemd take notice of a file, by where the file is."""


def place_files(places: Places, system: System, release: str) -> str | None:
    """Put the files of a release in place, remove those that only others have.

    Args:
        places: where.
        system: is told of what changed.
        release: a complete one.

    Returns:
        What was done; None where all was there.
    """
    source = places.releases / release / "system"
    wanted = files_of(places, release)
    changed = []
    for path in wanted:
        content, target = (source / path).read_bytes(), places.root / path
        if not _has(target, content):
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, content, mode_of(content))
            changed.append(path)
    for path in sorted(set(all_files(places)) - set(wanted)):
        if (places.root / path).exists():
            (places.root / path).unlink()
            changed.append(path)
    tell_system(system, changed)
    return ", ".join(f"/{path}" for path in changed) or None


def all_files(places: Places) -> list[PurePosixPath]:
    """The files that any release here has outside its own folders."""
    releases = places.releases.iterdir() if places.releases.is_dir() else ()
    return [path for release in releases for path in files_of(places, release.name)]


def files_of(places: Places, release: str) -> list[PurePosixPath]:
    """The files that a release has outside its own folders, relative to the root."""
    try:
        return read_payload(places.releases / release).under("system")
    except InstallError:
        return []


def tell_system(system: System, changed: list[PurePosixPath]) -> None:
    """Have systemd take notice of files that changed; what it refuses counts at the next boot."""
    for place, words in TAKES_EFFECT.items():
        if any(str(path).startswith(place) for path in changed):
            system.try_systemctl(*words)


def mode_of(content: bytes) -> int:
    """A file's rights: a script can be run."""
    return 0o755 if content.startswith(b"#!") else 0o644


def _has(path: Path, content: bytes) -> bool:
    try:
        return (
            not path.is_symlink()
            and path.read_bytes() == content
            and stat.S_IMODE(path.stat().st_mode) == mode_of(content)
        )
    except OSError:
        return False
