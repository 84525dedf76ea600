"""Remembers what was measured, until something changes that it depends on."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.probe.measure import Measured
from edge.runtime.processor import Way
from edge.writing import replacing

FILE = "accelerators.json"
SCHEMA = 1
"""Of the file and of the way of measuring: what another version measured is measured anew."""
KEPT = 16
"""Entries; a device has two, and a few more where it has several configurations."""
FILE_LIMIT = 1_000_000
"""Bytes that are read of the file; an entry has some 3,000."""
log = logging.getLogger(__name__)


class Entry(BaseModel):
    """One measurement."""

    model_config = ConfigDict(extra="forbid")

    key: dict[str, Any]
    """All that the measurement depends on; as JSON has it."""
    measured: tuple[Measured, ...]
    time: str
    """When, by the wall clock; for people."""


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = Field(alias="schema")
    entries: tuple[Entry, ...] = ()


class Memory:
    """The file in the state folder."""

    def __init__(self, folder: Path) -> None:
        """Read the file; one that is missing or damaged is as good as empty."""
        self.path = folder / FILE
        self._entries: tuple[Entry, ...] = ()
        try:
            self._entries = self._read()
        except FileNotFoundError:
            pass
        except (OSError, ValidationError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is damaged or edited"
            log.warning("%s: cannot be read (%s); measuring anew", self.path, reason)

    def find(self, key: Mapping[str, Any]) -> Entry | None:
        """What was measured under this very key."""
        return next((entry for entry in self._entries if entry.key == key), None)

    def keep(self, key: Mapping[str, Any], measured: Sequence[Measured]) -> None:
        """Remember what was measured; where that cannot be, it is measured again next time."""
        self._refresh()
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        entry = Entry(key=dict(key), measured=tuple(measured), time=now)
        others = [kept for kept in self._entries if kept.key != key]
        self._entries = (*others, entry)[-KEPT:]
        self._write()

    def note(self, key: Mapping[str, Any], way: Way, fault: str | None) -> None:
        """Note that a way has failed, or that it works after all.

        It holds for all forms on the same accelerator: a driver that ends the process with one of
        them gets no chance with another.
        """
        self._refresh()
        found = self.find(key)
        if found is None:
            return
        (before,) = (one.fault for one in found.measured if one.way == way)
        self.keep(
            key,
            [
                replace(one, fault=fault)
                if one.way.accelerator == way.accelerator and one.fault in (None, before)
                else one
                for one in found.measured
            ],
        )

    def _refresh(self) -> None:
        """Take in what others wrote meanwhile: a watch notes a failure hours after it has read."""
        with suppress(OSError, ValidationError):  # What was known before is better than nothing.
            self._entries = self._read()

    def _read(self) -> tuple[Entry, ...]:
        with self.path.open("rb") as file:
            return _Content.model_validate_json(file.read(FILE_LIMIT)).entries

    def _write(self) -> None:
        content = _Content.model_validate({"schema": SCHEMA, "entries": self._entries})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with replacing(self.path) as file:
                file.write(content.model_dump_json(by_alias=True, indent=1).encode() + b"\n")
        except OSError as error:
            log.warning(
                "%s: cannot be written (%s), so what the nets run fastest on is measured again at "
                "the next start; free some space, or let this user write there",
                self.path,
                error.strerror,
            )
