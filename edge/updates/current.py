"""Which bundles run: those of the settings, or the updates that stand in for them."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from edge.alerting.outbox import state_folder
from edge.bundle import Bundle, Manifest
from edge.config import KINDS, Settings
from edge.errors import MaskGateError
from edge.trust.gate import load_trusted
from edge.updates.state import Section, Slot, State, StateFile

SECTIONS: Final[tuple[Section, ...]] = ("detector", "classifier")
log = logging.getLogger(__name__)


def updates_folder(settings: Settings) -> Path:
    """The folder that keeps the updates; it need not be there."""
    return settings.updates.folder or state_folder(settings.outbox) / "updates"


def section_of(manifest: Manifest) -> Section:
    """The section of the settings that names bundles of this kind."""
    return "detector" if manifest.task == "face-detection" else "classifier"


def own_bundle(section: Section, settings: Settings, state: State) -> Path | None:
    """The bundle that the settings name; None for a kind of detector that has none.

    Args:
        section: whose.
        settings: as they were read, or as `with_updates` gave them.
        state: what is in place.
    """
    if section == "detector" and KINDS.get(settings.detector.kind) is None:
        return None
    named = getattr(settings, section).bundle.absolute()
    slot = state.slots.get(section)
    if slot and named.parent == updates_folder(settings).absolute():
        return Path(slot.instead_of)
    return Path(named)


def slot_of(section: Section, settings: Settings, state: State) -> Slot | None:
    """The update that stands in for the settings' bundle; None where none does."""
    slot = state.slots.get(section)
    own = own_bundle(section, settings, state)
    return slot if slot and own and slot.instead_of == str(own) else None


def bundle_path(name: str | None, own: Path, settings: Settings) -> Path:
    """Where a bundle of a slot is: in the updates' folder, or where the settings say."""
    return updates_folder(settings) / name if name else own


def with_updates(settings: Settings, state: State | None = None) -> Settings:
    """The settings with the bundles that run in place of those that they name.

    Args:
        settings: as they were read.
        state: what is in place; read from the disk when None.
    """
    if state is None:
        try:
            file = StateFile(updates_folder(settings))
        except MaskGateError:  # There is no place where updates could be.
            return settings
        state = file.read()
        if file.fault:
            log.error("%s; the bundles that the settings name are used", file.fault)
    replaced = dict(_replaced(settings, state))
    return settings.model_copy(update=replaced) if replaced else settings


def _replaced(settings: Settings, state: State) -> Iterator[tuple[str, Any]]:
    for section in SECTIONS:
        own = own_bundle(section, settings, state)
        if own is None:
            continue
        slot = slot_of(section, settings, state)
        path = bundle_path(slot.runs if slot else None, own, settings)
        named = getattr(settings, section)
        if path != named.bundle.absolute():
            yield section, named.model_copy(update={"bundle": path})


def load_older(path: Path, settings: Settings) -> Bundle:
    """A trusted bundle to go back to, older than the one that ran last.

    Raises:
        MaskGateError: it is missing, damaged or not trusted.
    """
    return load_trusted(path, allowing_older(settings))


def allowing_older(settings: Settings) -> Settings:
    """The settings of a device that may go back."""
    trust = settings.trust.model_copy(update={"allow_older": True})
    return settings.model_copy(update={"trust": trust})


def path_before(slot: Slot, settings: Settings) -> Path:
    """Where the bundle is that ran before an update."""
    return bundle_path(slot.before, Path(slot.instead_of), settings)


def required_section(section: Section, settings: Settings) -> Path:
    """The settings' own bundle of a section.

    Raises:
        MaskGateError: the settings' detector has no bundle that an update could stand in for.
    """
    own = own_bundle(section, settings, StateFile(updates_folder(settings)).read())
    if own is None:
        raise MaskGateError(
            f'update: it is for {section}.bundle, but {section}.kind = "{settings.detector.kind}" '
            "has none; set another kind"
        )
    return own
