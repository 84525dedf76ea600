"""What was installed on this device and when, as the installer notes it in the state folder."""

import json
import logging
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from edge.config import Device

INSTALLED = "installed.json"
"""The file's name."""
FILE_LIMIT = 10_000
"""Bytes; it has a few hundred."""
log = logging.getLogger(__name__)
_Word = Annotated[str, Field(max_length=200)]


class _Note(BaseModel):
    """The file as the installer writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = Field(alias="schema")
    time: AwareDatetime
    outcome: Literal["installed", "rolled back"]
    why: Annotated[str, Field(max_length=1000)] | None
    payload: Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
    version: _Word
    profile: _Word
    os: _Word
    python: _Word
    machine: _Word
    board: _Word | None
    seconds: float = Field(ge=0, allow_inf_nan=False)


class Installed:
    """The file of one device, read anew when it has changed."""

    def __init__(self, state: Path) -> None:
        """Prepare to read it.

        Args:
            state: the device's state folder.
        """
        self._path = state / INSTALLED
        self._read: tuple[int, int] | None = None
        self._note: dict[str, Any] | None = None

    def message(self, device: Device) -> dict[str, Any] | None:
        """The file as it is published (schemas/report.schema.json).

        Returns:
            None where nobody noted anything, or not what can be published, which is logged once.
        """
        try:
            status = self._path.stat()
            if (seen := (status.st_mtime_ns, status.st_ino)) != self._read:
                self._read, self._note = seen, None
                self._note = self._load()
        except FileNotFoundError:
            self._read = self._note = None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "damaged or edited"
            log.warning(
                "report %s: it cannot be read (%s), so nobody is told what was installed here; "
                "install it again, or remove the file",
                self._path,
                reason,
            )
        return self._note and {"site": device.site, "device": device.id, **self._note}

    def _load(self) -> dict[str, Any]:
        with self._path.open("rb") as file:
            text = file.read(FILE_LIMIT + 1)
        try:
            _Note.model_validate_json(text)
        except ValidationError as error:
            raise ValueError(str(error)) from error
        content: dict[str, Any] = json.loads(text)
        content.pop("schema")
        return content
