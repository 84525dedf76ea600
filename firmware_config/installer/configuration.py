"""Settings and secrets: /etc/maskgate, and beside it those of the release before, for the way back.

    /etc/maskgate           what counts
    /etc/maskgate.before    what counted when the release before ran
    /etc/maskgate.new       in the making, or, cut off right after the swap, what counted before

Each says in the file .payload, written last, which payload it is of.
"""

import os
from pathlib import Path

from .files import exchange, remove_folder, sync, write_whole
from .payload import Payload, read_payload
from .places import Places
from .release import is_healthy
from .steps import InstallError

OWNER_FILE = ".payload"
BY_HAND = "none"
"""Of which payload a configuration is that somebody wrote."""
FOLDER_MODE, FILE_MODE = 0o750, 0o640


def configure(places: Places, payload: Payload, owner: tuple[int, int]) -> str | None:
    """Put the payload's settings and secrets in place, and keep those before.

    What somebody else put beside them, such as a certificate, stays. Of those before, only such are
    kept that a release ran well with; otherwise what is kept already stays.

    Args:
        places: where.
        payload: whose.
        owner: user and group of the service.

    Returns:
        What was done; None where they are as they should be.
    """
    now, new, before = _folders(places)
    _settle(places)
    wanted = {
        str(path): (payload.folder / "etc" / path).read_bytes() for path in payload.under("etc")
    }
    if _owner(now) == payload.id and all(
        _content(now / name) == content for name, content in wanted.items()
    ):
        return None
    if now.exists() and not (now / OWNER_FILE).exists():
        write_whole(now / OWNER_FILE, BY_HAND.encode(), 0o600)
    remove_folder(new)
    new.mkdir(FOLDER_MODE, parents=True)
    _give(new, FOLDER_MODE, owner)
    for name, content in {**_of_others(places, now), **wanted}.items():
        path = new / name
        path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        write_whole(path, content, FILE_MODE, (0, owner[1]))
    write_whole(new / OWNER_FILE, payload.id.encode(), 0o600)
    if not now.exists():
        new.rename(now)
        sync(now.parent)
        return f"settings in {now}"
    whose = _owner(now)
    if whose != payload.id and (whose == BY_HAND or is_healthy(places, whose)):
        remove_folder(before)
    exchange(new, now)
    _settle(places)
    return f"settings in {now}, those before in {before}"


def go_back(places: Places, failed: str) -> None:
    """Let the settings count again that are kept, if those of a payload that failed count now."""
    now, new, before = _folders(places)
    _settle(places)
    if before.exists() and _owner(now) == failed:
        exchange(before, now)
    if _owner(before) == failed:
        remove_folder(before)
    remove_folder(new)
    if _owner(now) == BY_HAND:
        (now / OWNER_FILE).unlink()


def remove_configuration(places: Places) -> bool:
    """Remove settings and secrets; whether there were some."""
    there = [remove_folder(folder) for folder in _folders(places)]
    return any(there)


def _folders(places: Places) -> tuple[Path, Path, Path]:
    now = places.configuration
    return now, now.with_name(f"{now.name}.new"), now.with_name(f"{now.name}.before")


def _settle(places: Places) -> None:
    """Finish what was cut off between the swap and the end: what counted before is kept."""
    now, new, before = _folders(places)
    if _owner(new) in (None, _owner(now)) or not now.exists():
        remove_folder(new)
    elif not before.exists():
        new.rename(before)
        sync(now.parent)
    else:
        remove_folder(new)


def _owner(folder: Path) -> str | None:
    """The payload that a complete configuration is of; None for one that is none."""
    content = _content(folder / OWNER_FILE)
    return None if content is None else content.decode(errors="replace")


def _of_others(places: Places, now: Path) -> dict[str, bytes]:
    """What is there and did not come with the payload that was there before."""
    if not now.exists():
        return {}
    ours = _names_of(places, _owner(now)) | {OWNER_FILE}
    paths = [path for path in sorted(now.rglob("*")) if path.is_file() and not path.is_symlink()]
    return {
        str(path.relative_to(now)): path.read_bytes()
        for path in paths
        if str(path.relative_to(now)) not in ours
    }


def _names_of(places: Places, payload: str | None) -> set[str]:
    try:
        said = read_payload(places.releases / str(payload))
    except InstallError:
        return set()
    return {str(path) for path in said.under("etc")}


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _give(folder: Path, mode: int, owner: tuple[int, int]) -> None:
    if os.geteuid() == 0:
        os.chown(folder, 0, owner[1])
    folder.chmod(mode)
