"""Installs a payload beside what runs, switches to it, and goes back if it is not healthy."""

import os
import time

from .configuration import configure, go_back
from .note import is_noted, note
from .payload import Payload, require_intact
from .places import Places
from .read_only import tell_read_only
from .release import (
    current_id,
    is_healthy,
    make_release,
    mark_healthy,
    prune,
    switch,
)
from .service import Patience, is_running, restart
from .steps import InstallError, tell, tell_change
from .system import System
from .system_files import place_files

DONE, ROLLED_BACK, CANNOT = 0, 3, 2
"""Exit codes."""
SYSUSERS = "system/etc/sysusers.d/maskgate.conf"


def install(places: Places, system: System, payload: Payload, patience: Patience) -> int:
    """Install a payload; the same again changes nothing.

    Args:
        places: where.
        system: packages, users, services.
        payload: what.
        patience: how long the service may take to run.

    Returns:
        DONE or ROLLED_BACK; CANNOT where it is not healthy and nothing ran before.

    Raises:
        InstallError: it cannot be installed; what ran before goes on.
    """
    began = time.monotonic()
    require_intact(payload)
    tell("payload", "done", f"{payload.id}, MaskGate {payload.version} for {payload.device}")
    tell_change("packages", system.add_packages(payload.packages))
    tell_change("user", system.add_user(payload.folder / SYSUSERS))
    tell_change("release", make_release(places, payload))
    before = _ran_well(places)
    changed = _put_in_place(places, system, payload)
    why = _run(places, system, payload, patience, changed=changed)
    if why is None:
        if is_noted(places, payload):
            tell("report", "skipped", "as it should be already")
        else:
            note(places, payload, system.owner, time.monotonic() - began)
            tell("report", "done", "noted")
        tell_read_only(places, payload)
        tell_change("old releases", ", ".join(prune(places)) or None)
        return DONE
    tell("service", "failed", why)
    if before is None or before == payload.id:
        tell("roll back", "failed", "nothing ran well here before; it stays, and is tried again")
        return CANNOT
    _go_back(places, system, payload, before, patience)
    note(places, payload, system.owner, time.monotonic() - began, why)
    prune(places)
    return ROLLED_BACK


def _ran_well(places: Places) -> str | None:
    """The newest release that did, to go back to."""
    for link in (places.current, places.previous):
        release = current_id(link)
        if is_healthy(places, release):
            return release
    return None


def _put_in_place(places: Places, system: System, payload: Payload) -> bool:
    """Let the payload's release, settings and units count from the next start on.

    Returns:
        Whether something changed.
    """
    changed = tell_change("system", place_files(places, system, payload.id))
    changed |= tell_change("configuration", configure(places, payload, system.owner))
    if current_id(places.current) == payload.id and (places.program / "bin").is_symlink():
        tell_change("switch", None)
        return changed
    switch(places, payload.id)
    return tell_change("switch", f"{places.current} leads to {payload.id}")


def _run(
    places: Places, system: System, payload: Payload, patience: Patience, *, changed: bool
) -> str | None:
    """See to it that the service runs this release; why it does not."""
    if is_healthy(places, payload.id) and not changed and is_running(system):
        tell_change("service", None)
        return None
    why = restart(system, patience)
    if why is None:
        mark_healthy(places, payload.id)
        tell("service", "done", "it runs")
    return why


def _go_back(
    places: Places, system: System, payload: Payload, before: str, patience: Patience
) -> None:
    """Let what ran before run again; a power cut on the way leaves it to the next installation."""
    place_files(places, system, before)
    go_back(places, payload.id)
    switch(places, before)
    if current_id(places.previous) == before:
        places.previous.unlink()
    why = restart(system, patience)
    if why is None:
        tell("roll back", "done", f"{before} runs again")
    else:
        tell("roll back", "failed", f"{before} counts again, and does not run either: {why}")


def take_lock(places: Places) -> int:
    """Keep a second installer out; the lock ends with the process.

    Raises:
        InstallError: one is at work.
    """
    import fcntl

    places.lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise InstallError("another installation is at work here; wait for its end") from error
    return descriptor
