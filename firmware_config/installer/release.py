"""Releases: virtual environments beside each other, and the links to the one that runs."""

import os
import shutil
import sys
from pathlib import Path

from .files import installed_size, link_whole, remove_folder, sync, write_whole
from .payload import NAME, Payload
from .places import Places
from .programs import run_program
from .steps import InstallError

COMPLETE, HEALTHY = "complete", "healthy"
"""Files of a release that are there once all of it is on the disk, and once it ran well."""
PHOTOS = "share/maskgate/photos"
"""Where the program looks for the demo's photos, in its environment."""
RESERVE = 100_000_000
"""Bytes that stay free, for what the device writes while it runs."""
INSTALL_LIMIT = 1800.0
START_LIMIT = 300.0
"""Seconds."""


def make_release(places: Places, payload: Payload) -> str | None:
    """Make the release of a payload, at the place where it will run.

    Returns:
        What was done; None where it is there.

    Raises:
        InstallError: it does not fit on the disk, or cannot run here.
    """
    folder = places.releases / payload.id
    if (folder / COMPLETE).exists():
        return None
    remove_folder(folder)
    places.releases.mkdir(parents=True, exist_ok=True)
    _require_room(places, payload)
    make_environment(folder, payload)
    for part, place in (("bundles", "bundles"), ("system", "system"), ("photos", PHOTOS)):
        for path in payload.under(part):
            _copy(payload.folder / part / path, folder / place / path)
    (folder / NAME).touch(0o600)
    shutil.copyfile(payload.folder / NAME, folder / NAME)
    # All of it at once, which is quicker than file by file; then the word that it is all there.
    os.sync()
    write_whole(folder / COMPLETE, b"")
    return f"{len(payload.under('wheels'))} wheels in {folder}"


def make_environment(folder: Path, payload: Payload) -> None:
    """Make the virtual environment, without the network.

    pip is the payload's own, run from its wheel: the system may have none, and an old one may not
    know the wheels' kinds.
    """
    wheels = [payload.folder / "wheels" / path for path in payload.under("wheels")]
    tools = [wheel for wheel in wheels if wheel.name.startswith("pip-")]
    if len(tools) != 1:
        raise InstallError(
            f"the payload has {len(tools)} wheels of pip, expected one; build it again"
        )
    site = ["--system-site-packages"] if payload.system_site_packages else []
    _run(sys.executable, "-m", "venv", "--without-pip", *site, str(folder))
    python = str(folder / "bin" / "python")
    # What the system has in sight counts for nothing: the wheels were chosen together.
    words = ["install", "--quiet", "--no-index", "--no-deps", "--ignore-installed"]
    words += ["--no-cache-dir", "--disable-pip-version-check", "--no-warn-script-location"]
    words += ["--root-user-action=ignore", *(str(wheel) for wheel in wheels if wheel not in tools)]
    _run(python, str(tools[0] / "pip"), *words, limit=INSTALL_LIMIT)
    _run(str(folder / "bin" / "maskgate"), "--version", limit=START_LIMIT)


def current_id(link: Path) -> str | None:
    """The payload's id of the release that a link leads to; None where it leads to none."""
    try:
        name = link.readlink().name
    except OSError:
        return None
    return name if (link.parent / "releases" / name / COMPLETE).exists() else None


def is_healthy(places: Places, release: str | None) -> bool:
    """Whether a release has run well here."""
    return release is not None and (places.releases / release / HEALTHY).exists()


def mark_healthy(places: Places, release: str) -> None:
    """Remember that a release runs well."""
    write_whole(places.releases / release / HEALTHY, b"")


def switch(places: Places, release: str) -> None:
    """Let a release be the one that runs, and keep the one before for the way back."""
    before = current_id(places.current)
    if before != release and is_healthy(places, before):
        link_whole(places.previous, f"releases/{before}")
    link_whole(places.current, f"releases/{release}")
    programs = places.program / "bin"
    if not programs.is_symlink():
        link_whole(programs, "current/bin")


def prune(places: Places) -> list[str]:
    """Remove all releases but the one that runs and the one before; what was removed."""
    kept = {current_id(places.current), current_id(places.previous)}
    gone = sorted(path for path in places.releases.iterdir() if path.name not in kept)
    for folder in gone:
        # First the word that it is complete, so that half of it is never taken for a release.
        (folder / COMPLETE).unlink(missing_ok=True)
        sync(folder)
        remove_folder(folder)
    return [folder.name for folder in gone]


def _require_room(places: Places, payload: Payload) -> None:
    needed = RESERVE + sum(
        installed_size(payload.folder / path)
        for path in payload.files
        if path.startswith(("wheels/", "bundles/"))
    )
    free = shutil.disk_usage(places.releases).free
    if free < needed:
        raise InstallError(
            f"{places.program}: {free // 10**6} MB are free, and {needed // 10**6} are needed; "
            "free some space and run this again"
        )


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o644)


def _run(*words: str, limit: float = START_LIMIT) -> None:
    # What the caller's Python looks at is no matter for the release's.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    called = f"{Path(words[0]).name} {Path(words[1]).name}"
    run_program(*words, called=called, limit=limit, environment=environment)
