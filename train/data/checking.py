"""Checks what annotations say against their pictures: hostile until it fits."""

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import click

from edge.errors import MaskGateError
from edge.sources.pictures import read_picture
from edge.values import Box, Pixels
from edge.vision.cut import whole_picture
from train.data.annotations import CLASSES, LABELS, Annotations, LabelledFace
from train.data.rows import Reading, Row, Skipped

MOST_SKIPPED = 0.05
"""Share of faces that may be skipped before a person should look."""
TINY = 10.0
"""Faces of fewer pixels are left out: nobody could tell."""

See = Callable[[Path, Pixels], None]


@dataclass(frozen=True, slots=True)
class _Claim:
    """A face whose picture was not looked at yet."""

    row: Row
    label: str
    box: Box | None
    collection: str


def check_rows(readings: Sequence[Reading], mapping: Mapping[str, str], see: See) -> Annotations:
    """Keep the faces labelled masked or bare whose picture and box are in order.

    Each picture is read once. Boxes are clipped to it. What is wrong is listed, never dropped in
    silence.

    Args:
        readings: what the annotations of each data folder say.
        mapping: which label, masked or bare, the faces of another class get.
        see: is shown each picture that has a face: its path and its pixels.
    """
    found = Annotations()
    by_picture: defaultdict[Path, list[_Claim]] = defaultdict(list)
    for reading in readings:
        found.skipped += reading.skipped
        found.differing += reading.differing
        found.test_photos += reading.test_photos
        for row in reading.rows:
            claim = _claim(row, reading.collection, mapping, found)
            if claim is not None:
                by_picture[row.folder / row.name].append(claim)
    with click.progressbar(by_picture.items(), label="reading pictures", file=sys.stderr) as items:
        for picture, claims in items:
            try:
                pixels = _read(picture)
            except MaskGateError as error:
                why = "picture cannot be read" if _is_file(picture) else "picture is missing"
                for claim in claims:
                    _skip(found, claim.collection, claim.row, why, error)
                continue
            see(picture, pixels)
            _settle(picture, pixels, claims, found)
    return found


def require_few_skipped(found: Annotations) -> None:
    """Stop where so much had to be skipped that a person should look.

    Raises:
        MaskGateError: more than MOST_SKIPPED of the faces.
    """
    faults, faces = len(found.skipped), len(found.skipped) + len(found.faces) + found.tiny
    if faults <= MOST_SKIPPED * faces:
        return
    examples = {one.reason: f"{one.collection}, {one.where}" for one in reversed(found.skipped)}
    reasons = "; ".join(
        f"{why}: {count}, e.g. {examples[why]}" for why, count in found.reasons.most_common(4)
    )
    raise MaskGateError(
        f"data: {faults} of {faces} faces ({faults / faces:.0%}) would be skipped, more than "
        f"{MOST_SKIPPED:.0%} ({reasons}); put them right, or go on with --allow-skipped "
        "(maskgate-train data DATA --allow-skipped lists them all)"
    )


def unused_mappings(readings: Sequence[Reading], mapping: Mapping[str, str]) -> list[str]:
    """The classes of a mapping that no face has: most likely misspelt."""
    there = {row.classname for reading in readings for row in reading.rows}
    return sorted(mapping.keys() - there)


def _claim(
    row: Row, collection: str, mapping: Mapping[str, str], found: Annotations
) -> _Claim | None:
    """Take a row at its word, as far as that goes without its picture."""
    label = mapping.get(row.classname, row.classname)
    if label not in LABELS:
        if row.classname in CLASSES:
            found.unused[row.classname] = found.unused.get(row.classname, 0) + 1
        else:
            _skip(found, collection, row, "unknown class", row.classname)
        return None
    name = PurePosixPath(row.name)
    if not row.name or name.is_absolute() or ".." in name.parts or "\\" in row.name:
        _skip(found, collection, row, "picture's name leaves the folder", row.name)
        return None
    if row.sides is None:
        return _Claim(row, label, None, collection)
    try:
        left, top, right, bottom = (float(str(side)) for side in row.sides)
    except ValueError:
        _skip(found, collection, row, "box is not four numbers", row.sides)
        return None
    if not all(map(math.isfinite, (left, top, right, bottom))):
        _skip(found, collection, row, "box is not four numbers", row.sides)
        return None
    if right <= left or bottom <= top:
        _skip(found, collection, row, "box is empty or inverted", row.sides)
        return None
    return _Claim(row, label, Box(left, top, right, bottom), collection)


def _settle(picture: Path, pixels: Pixels, claims: list[_Claim], found: Annotations) -> None:
    """Keep the faces of one picture that is there."""
    labels: defaultdict[Box | None, list[str]] = defaultdict(list)
    for claim in claims:
        labels[claim.box].append(claim.label)
    kept: set[Box | None] = set()
    for claim in claims:
        row, collection = claim.row, claim.collection
        if len(set(labels[claim.box])) > 1:
            _skip(found, collection, row, "another row gives this box another class")
            continue
        if claim.box in kept:
            _skip(found, collection, row, "another row says the same")
            continue
        kept.add(claim.box)
        box = (
            whole_picture(pixels) if claim.box is None else _inside(claim, claim.box, pixels, found)
        )
        if box is None:
            continue
        if max(box.width, box.height) < TINY:
            found.tiny += 1
            continue
        labelled = None if claim.box is None else box
        found.faces.append(LabelledFace(picture, claim.label, labelled, row.group, collection))


def _inside(claim: _Claim, box: Box, pixels: Pixels, found: Annotations) -> Box | None:
    """Clip a box to its picture; None if nothing is left of it."""
    row = claim.row
    height, width = pixels.shape[:2]
    kept = Box(max(box.left, 0), max(box.top, 0), min(box.right, width), min(box.bottom, height))
    if kept.width <= 0 or kept.height <= 0:
        detail = f"{row.sides} of {width} x {height} pixels"
        _skip(found, claim.collection, row, "box lies outside the picture", detail)
        return None
    if kept != box:
        sides = f"{box.left:g}, {box.top:g}, {box.right:g}, {box.bottom:g}"
        found.clipped.append(
            f"{claim.collection}, {row.where}: {sides} in {row.name} of {width} x {height} pixels"
        )
    return kept


def _skip(found: Annotations, collection: str, row: Row, why: str, detail: object = "") -> None:
    found.skipped.append(Skipped(collection, row.where, row.name, why, str(detail)))


def _is_file(picture: Path) -> bool:
    try:
        return picture.is_file()
    except (OSError, ValueError):  # a name too long, or with a NUL
        return False


def _read(picture: Path) -> Pixels:
    try:
        return read_picture(picture)
    except ValueError as error:  # a NUL in its name
        raise MaskGateError(f"picture {picture!r}: {error}") from error
