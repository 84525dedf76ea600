"""Reads the layout of Kaggle's face-mask dataset (wobotintelligence/face-mask-detection-dataset).

train.csv has a row for each face; next to the photos is a JSON file for each of them that says the
same. The columns x1, x2, y1, y2 hold left, top, right, bottom, in this order.
"""

import json
from collections import Counter, defaultdict
from pathlib import Path

from train.data.rows import Reading, Row, content_of, csv_rows

_ROOT = Path("Medical mask/Medical mask/Medical Mask")
_COLUMNS = ("x1", "x2", "y1", "y2")


def is_kaggle(folder: Path) -> bool:
    """Whether a folder has this layout."""
    return (folder / "train.csv").is_file() or (folder / _ROOT / "annotations").is_dir()


def read_kaggle(folder: Path, collection: str) -> Reading:
    """Read train.csv, and the JSON files of the photos that it has no row for.

    Where both speak of a photo, train.csv counts and what differs is listed. The photos that
    submission.csv names are counted and not used: they are there to be tested on.

    Raises:
        MaskGateError: train.csv or submission.csv is no CSV file or lacks a column.
    """
    reading = Reading(collection)
    by_photo = _read_table(folder, reading)
    test_photos = _test_photos(folder)
    reading.test_photos = len(test_photos)
    for path in sorted((folder / _ROOT / "annotations").glob("*.json")):
        where = f"annotations/{path.name}"
        try:
            rows = _read_json(path, where, folder)
        except (ValueError, RecursionError) as error:  # JSON's and Unicode's errors are ValueErrors
            reading.skip(where, path.stem, "annotation file is broken", error)
            continue
        photo = rows[0].name if rows else ""
        if photo in by_photo:
            _compare(by_photo[photo], rows, reading)
        elif photo not in test_photos:
            reading.rows += rows
    return reading


def _read_table(folder: Path, reading: Reading) -> dict[str, list[Row]]:
    by_photo: defaultdict[str, list[Row]] = defaultdict(list)
    path = folder / "train.csv"
    if path.is_file():
        for line, values in csv_rows(path, {"name", "classname", *_COLUMNS}):
            sides = tuple(values[column] for column in _COLUMNS)
            name, classname = values["name"] or "", values["classname"] or ""
            row = _row(f"train.csv line {line}", folder, name, classname, sides)
            by_photo[name].append(row)
            reading.rows.append(row)
    return by_photo


def _test_photos(folder: Path) -> set[str]:
    path = folder / "submission.csv"
    if not path.is_file():
        return set()
    return {row["name"] or "" for _, row in csv_rows(path, {"name"})}


def _read_json(path: Path, where: str, folder: Path) -> list[Row]:
    """The faces of one photo.

    Raises:
        ValueError: no JSON of the data set's form.
    """
    content = json.loads(content_of(path))
    if not isinstance(content, dict) or not isinstance(content.get("Annotations"), list):
        raise ValueError("expected an object with FileName and a list Annotations")
    rows = []
    for number, item in enumerate(content["Annotations"], 1):
        if not isinstance(item, dict) or not isinstance(item.get("BoundingBox"), list):
            raise ValueError(f"face {number}: expected an object with BoundingBox and classname")
        name, classname = str(content.get("FileName", "")), str(item.get("classname", ""))
        sides = tuple(item["BoundingBox"])
        rows.append(_row(f"{where} face {number}", folder, name, classname, sides))
    return rows


def _row(where: str, folder: Path, name: str, classname: str, sides: tuple[object, ...]) -> Row:
    return Row(where, folder / _ROOT / "images", name, classname, sides, f"photo {name}")


def _compare(table: list[Row], other: list[Row], reading: Reading) -> None:
    in_table, in_json = Counter(map(_said, table)), Counter(map(_said, other))
    photo = table[0].name
    for said in (in_table - in_json).elements():
        reading.differing.append(f"{photo}: only train.csv has {said}")
    for said in (in_json - in_table).elements():
        reading.differing.append(f"{photo}: only its JSON file has {said}")


def _said(row: Row) -> str:
    try:
        numbers = ", ".join(f"{float(str(side)):g}" for side in row.sides or ())
    except ValueError:
        numbers = str(row.sides)
    return f"{row.classname} at {numbers}"
