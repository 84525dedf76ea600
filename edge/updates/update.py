"""Puts a new bundle in place of the one that runs, and takes it back.

Whatever moment the power is cut at, the state file names either what ran before or a new bundle
that is whole, is trusted and has passed its exam: it is changed last, in one step.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.bundle import Bundle, Version
from edge.config import Settings
from edge.errors import MaskGateError
from edge.trust.gate import accept_older, load_trusted
from edge.updates.current import (
    SECTIONS,
    load_older,
    path_before,
    required_section,
    section_of,
    slot_of,
    updates_folder,
    with_updates,
)
from edge.updates.exam import require_agreement
from edge.updates.fetch import Progress, Wanted, fetch
from edge.updates.locking import lock
from edge.updates.partial import Partial
from edge.updates.state import Section, Slot, State, StateFile
from edge.updates.store import store, tidy

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Updated:
    """What came of an update."""

    section: Section
    name: str
    version: str
    before: str
    """Name and version of what ran before."""
    changed: bool
    """False where the very bundle runs already."""

    def __str__(self) -> str:
        if not self.changed:
            return f"{self.section}: {self.name} {self.version} is in place already"
        return f"{self.section}: {self.name} {self.version} in place of {self.before}"


def update(
    source: str | None, settings: Settings, progress: Progress = lambda _there, _size: None
) -> Updated:
    """Fetch a bundle, verify it, try it, and put it in place of the one that runs.

    It runs from the next start or reload on, on probation; see edge.updates.probation.

    Args:
        source: an https:// URL of a zip, the path of a zip or of a bundle's folder; None for
            updates.url.
        settings: as they were read.
        progress: told how far the download is.

    Raises:
        MaskGateError: the device has no keys, the bundle cannot be fetched, is not trusted, is not
            newer, fails its exam, or cannot be kept. What runs goes on running.
    """
    if not settings.trust.keys:
        raise MaskGateError(
            "update: trust.keys is not set, and updates are taken from known signers only; make a "
            "key with 'maskgate-convert key', or set classifier.bundle to a file of yours"
        )
    source = source or settings.updates.url
    if source is None:
        raise MaskGateError(
            "update: expected a bundle, an https:// URL or a file; name one, or set updates.url"
        )
    folder = updates_folder(settings)
    with _alone(folder):
        tidy(folder, _named(StateFile(folder).read()))
        partial = Partial(folder)
        if "://" in source:
            return _fetched(source, settings, partial, progress)
        return _put_in_place(Path(source).expanduser(), settings)


def go_back(settings: Settings, section: Section | None = None) -> str:
    """Go back to what ran before the last update, on purpose.

    Args:
        settings: as they were read.
        section: of which; of the one that has an update when None.

    Returns:
        What was put back, in a line.

    Raises:
        MaskGateError: there is no update to go back from, or what ran before cannot run any more.
    """
    folder = updates_folder(settings)
    state = StateFile(folder).read()
    wanted = [section] if section else SECTIONS
    slots = {one: slot for one in wanted if (slot := slot_of(one, settings, state))}
    if not slots:
        raise MaskGateError(
            "update: nothing to go back from, the bundles that the settings name are in place"
        )
    if len(slots) > 1:
        raise MaskGateError(
            "update: both the detector and the classifier have an update; say which one goes back, "
            "'--back detector' or '--back classifier'"
        )
    with _alone(folder):
        ((section, slot),) = slots.items()
        target = load_older(path_before(slot, settings), settings)
        for file in target.manifest.files:
            target.content(file)
        # The device forgets the newer version first: the other way round, a power cut in between
        # would leave it with a bundle that it refuses as too old.
        accept_older(target, settings)
        tidy(folder, _named(StateFile(folder).change(lambda state: state.back(section))))
    return f"{section}: back to {_title(target)}"


def _fetched(source: str, settings: Settings, partial: Partial, progress: Progress) -> Updated:
    limit = settings.updates.max_megabytes * 10**6
    wanted = Wanted(source, limit, settings.updates.ca_file, progress)
    resumed = fetch(wanted, partial)
    try:
        return _put_in_place(partial.path, settings)
    except MaskGateError as error:
        if not resumed:
            raise
        log.warning("%s; it came in several parts, so all of it is fetched anew", error)
        partial.discard()
        fetch(wanted, partial)
        return _put_in_place(partial.path, settings)
    finally:
        partial.discard()


def _put_in_place(source: Path, settings: Settings) -> Updated:
    """Verify a bundle, try it, and switch to it."""
    bundle = load_trusted(source, settings)
    section, manifest = section_of(bundle.manifest), bundle.manifest
    own = required_section(section, settings)
    running = getattr(with_updates(settings), section).bundle
    before = _running(running, settings)
    changed = before is None or before.signed != bundle.signed
    if changed:
        if before is not None:
            _require_newer(bundle, before)
        folder, limit = updates_folder(settings), settings.updates.max_megabytes * 10**6
        file = StateFile(folder)
        try:
            stored = store(bundle, folder, limit)
            right = require_agreement(stored, running if before else None, settings)
            slot = Slot(instead_of=str(own), runs=stored.name, right=right, probation="due")
            file.change(lambda state: _switched(state, section, slot))
        finally:
            tidy(folder, _named(file.read()))
    return Updated(
        section,
        manifest.name,
        manifest.version,
        _title(before) if before else str(running),
        changed,
    )


def _switched(state: State, section: Section, new: Slot) -> State:
    old = state.slots.get(section)
    if old is not None and old.instead_of == new.instead_of:
        # What has not proved itself yet is nothing to go back to.
        before = old.before if old.probation else old.runs
        new = new.model_copy(update={"before": before})
    return state.with_slot(section, new)


def _running(path: Path, settings: Settings) -> Bundle | None:
    """The bundle that runs; None where it cannot, which an update may be the cure for."""
    try:
        return load_trusted(path, settings)
    except MaskGateError as error:
        log.warning("%s: it is no measure for the new one", error)
        return None


def _require_newer(new: Bundle, running: Bundle) -> None:
    ours, theirs = running.manifest, new.manifest
    if theirs.name != ours.name or Version.parse(theirs.version) > Version.parse(ours.version):
        return
    raise MaskGateError(
        f"bundle {new.path}: it is {theirs.name} {theirs.version}, expected a version above "
        f"{ours.version}, which runs; give it a higher version, or go back to what ran before with "
        "'maskgate update --back'"
    )


def _title(bundle: Bundle) -> str:
    return f"{bundle.manifest.name} {bundle.manifest.version}"


def _named(state: State) -> list[str | None]:
    """The files that the state needs."""
    return [name for slot in state.slots.values() for name in (slot.runs, slot.before)]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """See that no other update is under way."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = lock(folder / "update.lock")
    except OSError as error:
        raise MaskGateError(
            f"updates {folder}: cannot be used ({error.strerror}); set updates.folder to a folder "
            "that this user can write"
        ) from error
    if held is None:
        raise MaskGateError(f"update: another one is under way in {folder}; wait until it is done")
    try:
        yield
    finally:
        os.close(held)
