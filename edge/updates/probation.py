"""New bundles on probation: one that crashes the device is not started a second time."""

import logging
import os
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Literal

from edge.config import Settings
from edge.errors import MaskGateError
from edge.nets import OpenNets
from edge.trust.gate import accept_older, load_trusted
from edge.updates.current import (
    SECTIONS,
    allowing_older,
    bundle_path,
    load_older,
    own_bundle,
    path_before,
    slot_of,
    updates_folder,
    with_updates,
)
from edge.updates.exam import require_still
from edge.updates.locking import lock
from edge.updates.state import Failure, Section, Slot, State, StateFile

FRAMES = 100
"""Frames that must go well before a new bundle has proved itself: some seconds, and more than two
searches of the whole frame."""
ENDED = "the device ended while it was on probation, or the power was cut"
_NO_FAULT = (MaskGateError, SystemExit, KeyboardInterrupt)
"""What a process may end with that is no fault of its bundles."""
log = logging.getLogger(__name__)


class Probation:
    """Watches over what the updates put in place, for the process that watches the entrance.

    A mark is on the disk before a new bundle is opened, and goes away when enough frames went well.
    Whoever finds it at a start goes back to what ran before.
    """

    def __init__(self, settings: Settings) -> None:
        """Be that process; where there are no updates nothing is written.

        Args:
            settings: where the updates are.
        """
        self.running = settings
        """The settings with the bundles that run in place of those that they name."""
        self._file = StateFile(updates_folder(settings))
        self._lock: int | None = None
        self._begun: dict[Section, Slot] = {}
        """What this process runs on probation."""
        self._left = 0
        """Frames until it has proved itself."""

    @property
    def failure(self) -> Failure | None:
        """The last update that was taken back by itself, until a later one has proved itself."""
        return self._file.read().failure

    def open_nets(self, settings: Settings) -> OpenNets:
        """Open the bundles that are to run, at a start and at each reload.

        Args:
            settings: as they were read.

        Raises:
            MaskGateError: a bundle that is not on probation cannot be used.
        """
        while True:
            self.running = self._begin(settings)
            try:
                nets = OpenNets(self.running)
                if "classifier" in self._begun:
                    require_still(nets.classifier, self._begun["classifier"].right)
            except (MaskGateError, RuntimeError, ValueError) as error:
                if not self._begun:
                    raise
                reason = " ".join(str(error).split())
                self._file.change(partial(self._all_back, settings=settings, why=reason))
            else:
                return nets

    def frame_done(self) -> None:
        """Count a frame that went well, of any camera."""
        if self._left <= 0:
            return
        self._left -= 1
        if self._left > 0:
            return
        try:
            self._file.change(self._proved)
        except MaskGateError as error:
            log.error("%s; until then the update is on probation", error)
            self._left = FRAMES

    def close(self, error: BaseException | None = None) -> None:
        """End; what has not proved itself yet goes on with that at the next start.

        Args:
            error: what the process ends with; anything but what a user can put right, or asked for,
                counts against the new bundle.
        """
        if self._begun and (error is None or isinstance(error, _NO_FAULT)):
            try:
                self._file.change(lambda state: self._marked(state, "due"))
            except MaskGateError as failed:
                log.error("%s; the update will be taken back at the next start", failed)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _begin(self, settings: Settings) -> Settings:
        """Say what is to run, and mark what of it is on probation."""
        if not self._file.folder.is_dir():
            return settings
        try:
            if self._lock is None:
                self._lock = lock(self._file.folder / "run.lock")
            if self._lock is None:
                # Another process watches: its marks must not be taken for those of a crash.
                return with_updates(settings)
            state = self._file.change(lambda now: self._begun_with(now, settings))
        except (MaskGateError, OSError) as error:
            log.error("%s; what is on probation waits until it can be marked", error)
            self._begun, self._left = {}, 0
            # Nor can it be written down that what ran before may run again.
            return with_updates(allowing_older(settings), _without_new(self._file.read()))
        return with_updates(settings, state)

    def _begun_with(self, state: State, settings: Settings) -> State:
        if self._file.fault:
            for section in SECTIONS:
                own = own_bundle(section, settings, state)
                if own is not None:
                    _accept(own, settings)
        for section in SECTIONS:
            while (slot := slot_of(section, settings, state)) is not None:
                crashed = slot.probation == "begun" and not self._is_begun(section, slot)
                fault = ENDED if crashed else _fault(slot, settings)
                if fault is None:
                    break
                state = _back(state, section, settings, fault)
            if slot and slot.probation and not self._is_begun(section, slot):
                self._begun[section], self._left = slot, FRAMES
                log.info("update %s: on probation for %d frames", slot.runs, FRAMES)
        return self._marked(state, "begun")

    def _is_begun(self, section: Section, slot: Slot) -> bool:
        """Whether it is this process that runs an update on probation."""
        begun = self._begun.get(section)
        return begun is not None and begun.runs == slot.runs

    def _all_back(self, state: State, settings: Settings, why: str) -> State:
        for section in self._begun:
            slot = slot_of(section, settings, state)
            if slot is not None and self._is_begun(section, slot):
                state = _back(state, section, settings, why)
        self._begun, self._left = {}, 0
        return state

    def _proved(self, state: State) -> State:
        log.info(
            "updates: %s proved to work", ", ".join(slot.runs for slot in self._begun.values())
        )
        after = self._marked(state, None)
        self._begun = {}
        return after.model_copy(update={"failure": None})

    def _marked(self, state: State, probation: Literal["due", "begun"] | None) -> State:
        """The state with another mark on what this process runs on probation."""
        for section in self._begun:
            slot = state.slots.get(section)
            if slot is not None and self._is_begun(section, slot):
                marked = slot.model_copy(update={"probation": probation})
                state = state.with_slot(section, marked)
        return state


def _without_new(state: State) -> State:
    """The state without what is on probation."""
    for section, slot in state.slots.items():
        if slot.probation:
            state = state.back(section)
    return state


def _fault(slot: Slot, settings: Settings) -> str | None:
    """Why an update cannot run: it is missing, damaged or not trusted any more."""
    path = bundle_path(slot.runs, Path(slot.instead_of), settings)
    try:
        bundle = load_trusted(path, settings)
        for file in bundle.manifest.files:
            bundle.content(file)
    except MaskGateError as error:
        return str(error)
    return None


def _back(state: State, section: Section, settings: Settings, why: str) -> State:
    """The state with what ran before; says so."""
    slot = state.slots[section]
    before = slot.before or slot.instead_of
    log.error("update %s: taken back (%s); going on with %s", slot.runs, why, before)
    _accept(path_before(slot, settings), settings)  # Before the state is written: see go_back.
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return state.back(section, Failure(section=section, bundle=slot.runs, reason=why, time=now))


def _accept(path: Path, settings: Settings) -> None:
    """Let an older bundle run again, if it is one that can."""
    try:
        accept_older(load_older(path, settings), settings)
    except MaskGateError as error:
        log.error("%s", error)
