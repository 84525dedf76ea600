"""A file that is being fetched, as far as it has come, and from where."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from edge.updates.https import Answer
from edge.writing import replacing

NAME, NOTE = "download.part", "download.json"
NOTE_LIMIT = 10_000
"""Bytes of the note."""
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
"""Of a part of a file whose size is known (RFC 9110, 14.4)."""


class _Note(BaseModel):
    """What is being fetched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    validator: str
    """What tells this version of the file from others: its ETag or the time of its last change."""


class Partial:
    """The file, and a note of what it is a part of, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._note_path = folder / NOTE

    def asks_for(self, url: str) -> dict[str, str]:
        """Headers that ask for what is missing only, if what is there is of the same file."""
        note = self._note()
        if note is None or note.url != url or not self.path.is_file() or not self._size():
            return {}
        return {"Range": f"bytes={self._size()}-", "If-Range": note.validator}

    def begin(self, url: str, answer: Answer) -> None:
        """Begin anew: the server sends all of the file."""
        self.discard()
        tag = answer.header("ETag")
        # A weak tag stands for other bytes as well (RFC 9110, 8.8.1).
        validator = tag if tag and not tag.startswith("W/") else answer.header("Last-Modified")
        self.path.touch(mode=0o600)
        if validator:
            with replacing(self._note_path) as file:
                file.write(_Note(url=url, validator=validator[:1000]).model_dump_json().encode())

    def continues(self, answer: Answer) -> int | None:
        """How large the whole is, if the server sends just what is missing of it; else None."""
        found = _RANGE.fullmatch(answer.header("Content-Range") or "")
        if not found or not self.path.is_file():
            return None
        start, _, size = map(int, found.groups())
        return size if start == self._size() else None

    @contextmanager
    def appending(self) -> Iterator[Callable[[bytes], object]]:
        """Give what writes at the end; all of it is on the disk when the block ends."""
        with self.path.open("ab") as file:
            try:
                yield file.write
            finally:
                file.flush()
                os.fsync(file.fileno())

    def discard(self) -> None:
        """Remove it."""
        # The note first: without it, what is left of the file is never gone on with.
        self._note_path.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def _size(self) -> int:
        return self.path.stat().st_size

    def _note(self) -> _Note | None:
        try:
            with self._note_path.open("rb") as file:
                return _Note.model_validate_json(file.read(NOTE_LIMIT))
        except (OSError, ValidationError):
            return None
