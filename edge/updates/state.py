"""Which updates are in place: one small file that is there whole or as it was before."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.errors import MaskGateError
from edge.updates.locking import locked
from edge.writing import replacing

FILE = "updates.json"
FILE_LIMIT = 100_000
"""Bytes of the file, which has some hundred."""
LOCK_WAIT = 10.0
"""Seconds to wait for another process, which holds the lock for the time of a write."""
Section = Literal["detector", "classifier"]
"""Of the settings: whose bundle an update stands in for."""
log = logging.getLogger(__name__)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Slot(_Strict):
    """The update that stands in for a bundle of the settings."""

    instead_of: str
    """Path of the settings' bundle; where they name another, this slot is none of theirs."""
    runs: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.zip$")
    """File in the updates' folder."""
    before: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.zip$")
    """File that ran before, and runs again if this one fails; the settings' bundle when None."""
    right: int = Field(default=0, ge=0)
    """Known pictures that it got right in its exam."""
    probation: Literal["due", "begun"] | None = None
    """due: it has not run yet. begun: a process has started with it, and has not said since that
    all is well. None: it has proved itself."""


class Failure(_Strict):
    """An update that was taken back by itself."""

    section: Section
    bundle: str
    """Its file."""
    reason: str
    time: str
    """When, by the wall clock; for people."""


class State(_Strict):
    """All of the file."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    slots: dict[Section, Slot] = {}
    failure: Failure | None = None
    """The last one; forgotten when a later update has proved itself."""

    def with_slot(self, section: Section, slot: Slot | None) -> "State":
        """The state with another slot, or without it."""
        slots = {**self.slots, section: slot}
        kept = {name: one for name, one in slots.items() if one is not None}
        return self.model_copy(update={"slots": kept})

    def back(self, section: Section, failure: Failure | None = None) -> "State":
        """The state with what ran before the last update of a section.

        Args:
            section: whose update.
            failure: why, if the device goes back by itself.
        """
        slot = self.slots.get(section)
        before = slot.before if slot else None
        older = Slot(instead_of=slot.instead_of, runs=before) if slot and before else None
        after = self.with_slot(section, older)
        return after.model_copy(update={"failure": failure}) if failure else after


class StateFile:
    """The file in the updates' folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE
        self.fault: str | None = None
        """Why the file could not be read when it was read last."""

    def read(self) -> State:
        """Read it; a file that is missing or damaged is as good as one without updates."""
        self.fault = None
        try:
            with self.path.open("rb") as file:
                return State.model_validate_json(file.read(FILE_LIMIT))
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, ValidationError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is damaged or edited"
            self.fault = f"updates {self.path}: cannot be read ({reason})"
        return State()

    def change(self, change: Callable[[State], State]) -> State:
        """Change it, with no other process in between.

        Args:
            change: gives the new state for the one that is there.

        Returns:
            The new state.

        Raises:
            MaskGateError: it cannot be written; then it is as it was.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with locked(self.folder / "state.lock", LOCK_WAIT):
                before = self.read()
                after = change(before)
                if self.fault:
                    log.error("%s; it is kept as %s.damaged", self.fault, FILE)
                    self.path.replace(self.path.with_name(f"{FILE}.damaged"))
                if self.fault or after != before:
                    with replacing(self.path) as file:
                        file.write(after.model_dump_json(by_alias=True, indent=1).encode() + b"\n")
                return after
        except OSError as error:
            raise MaskGateError(
                f"updates {self.path}: cannot be written ({error.strerror or error}); free some "
                "space, or set updates.folder to a folder that this user can write"
            ) from error
