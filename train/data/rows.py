"""What annotation files say, before any of it is believed."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import MaskGateError
from edge.paths import reason

LARGEST_FILE = 16 << 20
"""Bytes of a photo's annotation file; the Kaggle data set's are a few thousand."""


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled face as an annotation has it."""

    where: str
    """Names the row for people, e.g. "train.csv line 12"."""
    folder: Path
    """Where the pictures lie."""
    name: str
    """The picture's name within it."""
    classname: str
    sides: tuple[object, ...] | None
    """Left, top, right, bottom; None where the whole picture is the face."""
    group: str
    """Faces of one group show the same photo."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A face, or a whole annotation file, that had to be left out, and why."""

    collection: str
    where: str
    picture: str
    reason: str
    """One of a few, so that they can be counted."""
    detail: str = ""


@dataclass(slots=True)
class Reading:
    """What one data folder says."""

    collection: str
    """Name of the data folder."""
    rows: list[Row] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    """Where two annotations of one photo say different things."""
    repeating: list[tuple[Path, str]] = field(default_factory=list)
    """Pictures that repeat a photo of another folder, and its name there."""
    test_photos: int = 0
    """Photos set aside to be tested on."""

    def skip(self, where: str, picture: str, why: str, detail: object = "") -> None:
        """Note something that is left out."""
        self.skipped.append(Skipped(self.collection, where, picture, why, str(detail)))


def csv_rows(path: Path, columns: set[str]) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Read a CSV file: the number of the line and the row's values by column.

    Raises:
        MaskGateError: it cannot be read, is no CSV in UTF-8, or lacks a column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = columns - set(reader.fieldnames or ())
            if missing:
                raise MaskGateError(
                    f"{path}: expected the columns {', '.join(sorted(missing))} too, "
                    f"found {', '.join(reader.fieldnames or ()) or 'none'}"
                )
            for row in reader:
                yield reader.line_num, row
    except OSError as error:
        raise MaskGateError(f"{path}: {reason(error)}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise MaskGateError(f"{path}: expected a CSV file in UTF-8 ({error})") from error


def pairs(path: Path, key: str, value: str) -> dict[str, str]:
    """Two columns of a CSV file; none where there is no such file.

    Raises:
        MaskGateError: as for `csv_rows`.
    """
    if not path.is_file():
        return {}
    rows = (row for _, row in csv_rows(path, {key, value}))
    return {row[key] or "": row[value] or "" for row in rows}


def content_of(path: Path) -> bytes:
    """Read a photo's annotation file.

    Raises:
        ValueError: it cannot be read or is too large to be one.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"larger than {LARGEST_FILE >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise ValueError(reason(error)) from error
