"""What a device remembers of the bundles it ran, so that nobody takes it back to older ones."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.bundle import Manifest, Version, VersionText
from edge.writing import replacing

FILE_LIMIT = 100_000
"""Bytes of the file; a line of it is a bundle's name and version."""
log = logging.getLogger(__name__)


class _Content(BaseModel):
    """The file as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = Field(alias="schema")
    versions: dict[str, VersionText]
    """Of each task and name, the version that this device accepted."""


class Accepted:
    """The versions that a device accepted, in a small file of its state folder.

    A damaged file must not keep the entrance unwatched: signatures are still asked for, so what is
    lost is only the knowledge of what is older. It is told, and the file is begun afresh with what
    runs next. Whoever could damage it on purpose could as well write lower versions into it.
    """

    def __init__(self, path: Path) -> None:
        """Read the file; one that is not there remembers nothing."""
        self.path = path
        self.fault: str | None = None
        """What is wrong with the file."""
        self._versions: Mapping[str, Version] = {}
        try:
            self._versions = self._read()
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it was damaged or edited"
            self.fault = f"{path} cannot be read ({reason})"

    def version(self, manifest: Manifest) -> Version | None:
        """The version of this task and name that was accepted; None for a new one."""
        return self._versions.get(_name(manifest))

    def remember(self, manifests: list[Manifest]) -> None:
        """Write down what runs now; a file that cannot be written is told of in the log."""
        running = {_name(manifest): Version.parse(manifest.version) for manifest in manifests}
        versions = {**self._versions, **running}
        if versions == self._versions:
            return
        texts = {name: str(version) for name, version in sorted(versions.items())}
        content = _Content.model_validate({"schema": 1, "versions": texts})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.fault:
                self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))
            with replacing(self.path) as file:
                file.write(content.model_dump_json(by_alias=True, indent=2).encode() + b"\n")
        except OSError as error:
            log.error(
                "accepted bundles %s: cannot be written (%s), so after the next start older "
                "bundles would be accepted; free some space, or let this user write there",
                self.path,
                error.strerror,
            )
            return
        self.fault, self._versions = None, versions

    def _read(self) -> dict[str, Version]:
        with self.path.open("rb") as file:
            text = file.read(FILE_LIMIT)
        try:
            content = _Content.model_validate_json(text)
        except ValidationError as error:
            raise ValueError(str(error)) from error
        return {name: Version.parse(version) for name, version in content.versions.items()}


def _name(manifest: Manifest) -> str:
    return f"{manifest.task}/{manifest.name}"
