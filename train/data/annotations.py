"""Reads labelled faces: the Kaggle layout, Pascal VOC, and folders of crops."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from edge.errors import MaskGateError
from edge.values import Box

MASKED, BARE = "face_with_mask", "face_no_mask"
LABELS = (MASKED, BARE)
_KAGGLE_IMAGES = Path("Medical mask/Medical mask/Medical Mask/images")
_PICTURES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True, slots=True)
class LabelledFace:
    """One face that a person labelled."""

    picture: Path
    label: str
    box: Box | None
    """In pixels of the picture; None where the whole picture is the face."""
    group: str
    """Faces of one group show the same photo or near-duplicates: never split them."""
    collection: str
    """Name of the data folder that it comes from."""


@dataclass(slots=True)
class Annotations:
    """The labelled faces of one or more data folders, and what was left out of them."""

    faces: list[LabelledFace] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    """How many rows were left out, by reason."""


def read_annotations(folders: list[Path]) -> Annotations:
    """Read the faces labelled masked or bare in some data folders.

    Raises:
        MaskGateError: a folder that is missing or has none of the known layouts.
    """
    found = Annotations()
    for folder in folders:
        if (folder / "train.csv").is_file():
            _read_kaggle(folder, found)
        elif (folder / "annotations").is_dir() and (folder / "images").is_dir():
            _read_voc(folder, found)
        elif any((folder / label).is_dir() for label in LABELS):
            _read_crops(folder, found)
        else:
            raise MaskGateError(
                f"data folder {folder}: expected train.csv (Kaggle), images/ and annotations/ "
                f"(Pascal VOC) or folders named {' and '.join(LABELS)}; found none of these"
            )
    return found


def _read_kaggle(folder: Path, found: Annotations) -> None:
    # The columns x1, x2, y1, y2 hold left, top, right, bottom, in this order.
    for row in _rows(folder / "train.csv", {"name", "x1", "x2", "y1", "y2", "classname"}):
        picture = folder / _KAGGLE_IMAGES / row["name"]
        try:
            box = Box(float(row["x1"]), float(row["x2"]), float(row["y1"]), float(row["y2"]))
        except ValueError:
            found.skipped["box is not four numbers"] += 1
            continue
        _add(
            found, LabelledFace(picture, row["classname"], box, f"photo {row['name']}", folder.name)
        )


def _read_voc(folder: Path, found: Annotations) -> None:
    # same_photo.csv names the photo of a Kaggle folder that a picture repeats.
    twins = _pairs(folder / "same_photo.csv", "name", "scenes_name")
    for path in sorted((folder / "annotations").glob("*.xml")):
        try:
            # Our own training data, read on the training machine: no hostile XML.
            root = ElementTree.parse(path).getroot()  # noqa: S314
            name = root.findtext("filename") or ""
            for item in root.iter("object"):
                left, top, right, bottom = (
                    float(item.findtext(f"bndbox/{side}") or "nan")
                    for side in ("xmin", "ymin", "xmax", "ymax")
                )
                box = Box(left, top, right, bottom)
                group = f"photo {twins.get(name, name)}"
                label = item.findtext("name") or ""
                picture = folder / "images" / name
                _add(found, LabelledFace(picture, label, box, group, folder.name))
        except (ElementTree.ParseError, ValueError):
            found.skipped["annotation is not Pascal VOC"] += 1


def _read_crops(folder: Path, found: Annotations) -> None:
    groups = _pairs(folder / "groups.csv", "file", "duplicate_group")
    for label in LABELS:
        for picture in sorted((folder / label).iterdir()):
            if picture.suffix.lower() in _PICTURES:
                file = f"{label}/{picture.name}"
                group = f"crop {groups.get(file, file)}"
                _add(found, LabelledFace(picture, label, None, group, folder.name))


def _pairs(path: Path, key: str, value: str) -> dict[str, str]:
    """Two columns of a CSV; none where there is no such file."""
    if not path.is_file():
        return {}
    return {row[key]: row[value] for row in _rows(path, {key, value})}


def _rows(path: Path, columns: set[str]) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = columns - set(reader.fieldnames or ())
        if missing:
            raise MaskGateError(f"{path}: expected the columns {', '.join(sorted(missing))} too")
        yield from reader


def _add(found: Annotations, face: LabelledFace) -> None:
    if face.label not in LABELS:
        found.skipped[f"class {face.label}"] += 1
    elif not face.picture.is_file():
        found.skipped["picture is missing"] += 1
    elif face.box is not None and not (face.box.width > 0 and face.box.height > 0):
        found.skipped["box is empty or inverted"] += 1
    else:
        found.faces.append(face)
