"""A data set that is ready to train on: its faces cut, its groups found, its faults listed."""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import click
import cv2

import edge
from edge.bundle import Bundle, load_bundle
from edge.config import Detector
from edge.errors import MaskGateError
from edge.finder import detector_in
from edge.vision.regions import Detector as Finder
from train.data.annotations import LABELS, Annotations, read_folders, require_known_labels
from train.data.checking import TINY, check_rows, require_few_skipped, unused_mappings
from train.data.grouping import Grouping, Twin
from train.data.patches import Patch, collect_patches
from train.data.rows import Reading
from train.data.store import Stored, Writer, cache_folder, read_store

NO_MAPPING: Mapping[str, str] = MappingProxyType({})
SMALLEST = 16.0
"""Pixels of the smallest faces that are cut: smaller ones than the device looks for, which models
should know too."""
DEVICES = Detector(min_face=SMALLEST)
"""The device's own detector."""
STOCK = Detector(kind="mtcnn", min_face=SMALLEST)
"""The one that never comes out of a training of ours."""
_CODE = ("vision/*.py", "sources/pictures.py", "sources/colours.py")
"""What of edge, beside this folder, decides how a face comes out."""
_NO_CUTS = {"fetch.py", "split.py"}
"""What of this folder does not."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Labelled faces, cut as the device cuts them, and what was left out on the way."""

    patches: Sequence[Patch]
    """One of each face around its labelled box, and one around the detector's where it finds it.

    Their pixels are views of a file that is mapped into memory, read-only."""
    annotations: Annotations
    fingerprint: str
    """Names the very faces that are used, whatever the folders are called."""
    twins: Sequence[Twin] = ()
    """What made groups larger than the folders' own files say."""
    refused: int = 0
    """Pairs alike that were not joined, since the group would have become too large."""


def load_dataset(
    folders: Sequence[Path],
    *,
    mapping: Mapping[str, str] = NO_MAPPING,
    allow_skipped: bool = False,
    detector: Detector = DEVICES,
) -> Dataset:
    """Read the labelled faces of some data folders and cut them, once for the same data.

    Args:
        folders: data folders of any known layout, joined.
        mapping: which label, masked or bare, the faces of another class get.
        allow_skipped: go on even where more had to be skipped than is usual.
        detector: what the faces are cut by, beside the labelled boxes; its bundle is read.

    Raises:
        MaskGateError: a mapping to another label than the two, a data folder that is missing or of
            no known layout, too much to skip, not one face, or a cache folder that cannot be
            written.
    """
    require_known_labels(mapping)
    readings = read_folders(folders, mapping)
    for name in unused_mappings(readings, mapping):
        click.echo(f"--map {name}={mapping[name]}: no face is of class {name}", err=True)
    bundle = load_bundle(detector.bundle)
    place = cache_folder() / _key(readings, mapping, bundle, detector)
    stored = read_store(place)
    if stored is None:
        finder = detector_in(bundle, detector)
        stored = _cut(readings, mapping, finder, place, allow_skipped=allow_skipped)
    _require_usable(stored.annotations, allow_skipped=allow_skipped)
    click.echo(_summary(stored), err=True)
    return Dataset(
        stored.patches, stored.annotations, stored.fingerprint, stored.twins, stored.refused
    )


def _cut(
    readings: Sequence[Reading],
    mapping: Mapping[str, str],
    detector: Finder,
    place: Path,
    *,
    allow_skipped: bool,
) -> Stored:
    """Check, cut and group the faces, and keep them."""
    grouping = Grouping()
    annotations = check_rows(readings, mapping, grouping.see_photo)
    _require_usable(annotations, allow_skipped=allow_skipped)
    number = -1
    with closing(Writer(place)) as writer:
        with click.progressbar(annotations.faces, label="cutting faces", file=sys.stderr) as faces:
            for patch in collect_patches(faces, detector, TINY):
                # Each face's first patch is the one around the labelled box.
                number += patch.around_label
                writer.add(patch, number)
                grouping.see_face(patch, number)
        click.echo("looking for near-duplicates", err=True)
        annotations.faces, twins, refused = grouping.join(annotations.faces)
        writer.finish(annotations, twins, refused)
    stored = read_store(place)
    if stored is None:
        raise MaskGateError(f"cache {place}: altered while it was written; start again")
    return stored


def _require_usable(annotations: Annotations, *, allow_skipped: bool) -> None:
    if not allow_skipped:
        require_few_skipped(annotations)
    if not annotations.faces:
        raise MaskGateError(
            f"data: expected faces of the classes {' and '.join(LABELS)}, found none; "
            f"skipped: {dict(annotations.reasons)}, other classes: {annotations.unused}, "
            f"under {TINY:g} pixels: {annotations.tiny}"
        )


def _key(
    readings: Sequence[Reading], mapping: Mapping[str, str], bundle: Bundle, detector: Detector
) -> str:
    """Name what the cut faces depend on: annotations, pictures, mapping, detector, code."""
    digest = hashlib.sha256()
    for reading in readings:
        digest.update(json.dumps(asdict(reading), sort_keys=True, default=str).encode())
        for picture in {row.folder / row.name: None for row in reading.rows}:
            try:
                state = picture.stat()
            except (OSError, ValueError):  # missing; the check says so
                continue
            digest.update(f"{picture} {state.st_size} {state.st_mtime_ns}".encode(errors="replace"))
    digest.update(json.dumps(sorted(mapping.items())).encode())
    digest.update(bundle.manifest.model_dump_json().encode())
    digest.update(detector.model_dump_json().encode() + cv2.__version__.encode())
    edge_room, here = Path(edge.__file__).parent, Path(__file__).parent
    for path in [path for pattern in _CODE for path in sorted(edge_room.glob(pattern))]:
        digest.update(path.read_bytes())
    for path in sorted(here.glob("*.py")):
        if path.name not in _NO_CUTS:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def _summary(stored: Stored) -> str:
    annotations = stored.annotations
    labels = Counter(face.label for face in annotations.faces)
    return (
        f"{len(annotations.faces)} faces ({_listed(labels)}); skipped: "
        f"{_listed(annotations.reasons)}; other classes: {_listed(annotations.unused)}; "
        f"under {TINY:g} pixels: {annotations.tiny}"
    )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
