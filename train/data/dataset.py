"""A data set that is ready to train on: its faces cut, its groups found, its faults listed."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import click

from edge.bundle import load_bundle
from edge.config import Detector
from edge.vision.cascade import Cascade
from train.data.annotations import Annotations, read_annotations
from train.data.patches import Patch, collect_patches

TINY = 10.0
"""Faces of fewer pixels are left out: nobody could tell."""
NO_MAPPING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Labelled faces, cut as the device cuts them, and what was left out on the way."""

    patches: Sequence[Patch]
    """One of each face around its labelled box, and one around the detector's where it finds it."""
    annotations: Annotations
    fingerprint: str
    """Names the very faces that are used, whatever the folders are called."""


def load_dataset(
    folders: Sequence[Path],
    *,
    mapping: Mapping[str, str] = NO_MAPPING,  # noqa: ARG001 - readers take it next
    allow_skipped: bool = False,  # noqa: ARG001 - readers take it next
) -> Dataset:
    """Read the labelled faces of some data folders and cut them.

    Args:
        folders: data folders of any known layout, joined.
        mapping: which label, masked or bare, the faces of another class get.
        allow_skipped: go on even where more faults than usual had to be skipped.

    Raises:
        MaskGateError: a data folder that is missing or of no known layout.
    """
    annotations = read_annotations(list(folders))
    click.echo(f"{len(annotations.faces)} faces; left out: {dict(annotations.skipped)}", err=True)
    settings = Detector(min_face=16)
    detector = Cascade(load_bundle(settings.bundle), settings)
    with click.progressbar(annotations.faces, label="cutting faces", file=sys.stderr) as faces:
        patches = [one for one in collect_patches(faces, detector) if one.size >= TINY]
    return Dataset(patches, annotations, _fingerprint(patches))


def _fingerprint(patches: Sequence[Patch]) -> str:
    digest = hashlib.sha256()
    for patch in patches:
        digest.update(patch.pixels.tobytes() + patch.label.encode() + patch.group.encode())
    return digest.hexdigest()
