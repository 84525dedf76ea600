"""Reads folders of crops: pictures of one face each, in folders that are named by class."""

from collections.abc import Collection
from pathlib import Path

from edge.sources.pictures import SUFFIXES
from train.data.rows import Reading, Row, pairs


def is_crops(folder: Path, classes: Collection[str]) -> bool:
    """Whether a folder holds at least one folder that is named by a class."""
    return any((folder / name).is_dir() for name in classes)


def read_crops(folder: Path, collection: str) -> Reading:
    """List the pictures of all classes.

    groups.csv, if there, names the pictures that are near-duplicates of each other.

    Raises:
        MaskGateError: groups.csv is no CSV file or lacks a column.
    """
    reading = Reading(collection)
    groups = pairs(folder / "groups.csv", "file", "duplicate_group")
    for path in sorted(folder.glob("*/*")):
        if path.name.startswith(".") or path.parent.name.startswith("."):
            continue
        name = f"{path.parent.name}/{path.name}"
        if path.suffix.lower() not in SUFFIXES:
            reading.skip(name, name, "not a picture file")
            continue
        group = f"crop {collection}/{groups.get(name) or name}"
        reading.rows.append(Row(name, folder, name, path.parent.name, None, group))
    return reading
