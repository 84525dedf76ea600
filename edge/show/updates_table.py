"""What a person reads of the bundles that run and of those to go back to."""

from collections.abc import Iterator
from pathlib import Path

import click

from edge.bundle import load_bundle
from edge.config import Settings
from edge.errors import MaskGateError
from edge.show.figures import in_words
from edge.show.table import table_lines
from edge.updates.current import SECTIONS, bundle_path, own_bundle, slot_of, updates_folder
from edge.updates.state import Section, State, StateFile

_STATES = {None: "runs", "due": "runs from the next start on", "begun": "runs, on probation"}
_BEFORE = "ran before"


def print_updates(settings: Settings) -> None:
    """Print the bundles of this device.

    Args:
        settings: as they were read.

    Raises:
        MaskGateError: the file that says which updates are in place cannot be read.
    """
    file = StateFile(updates_folder(settings))
    state = file.read()
    if file.fault:
        raise MaskGateError(f"{file.fault}; the bundles that the settings name are used")
    head = ("for", "bundle", "version", "state", "path")
    rows = [row for section in SECTIONS for row in _rows(section, settings, state)]
    click.echo("\n".join(table_lines(head, rows)))
    failed = state.failure
    if failed:
        click.echo(f"taken back at {failed.time}: {failed.bundle}: {in_words(failed.reason)}")


def _rows(section: Section, settings: Settings, state: State) -> Iterator[tuple[str, ...]]:
    own = own_bundle(section, settings, state)
    if own is None:
        return
    slot = slot_of(section, settings, state)
    if slot is None:
        yield _row(section, own, "runs")
        return
    yield _row(section, bundle_path(slot.runs, own, settings), _STATES[slot.probation])
    if slot.before:
        yield _row(section, bundle_path(slot.before, own, settings), _BEFORE)
    yield _row(section, own, "of the settings" if slot.before else _BEFORE)


def _row(section: Section, path: Path, state: str) -> tuple[str, ...]:
    try:
        manifest = load_bundle(path).manifest
    except MaskGateError:
        return section, "cannot be read", "", state, str(path)
    return section, manifest.name, manifest.version, state, str(path)
