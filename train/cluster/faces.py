"""The faces to cluster, from labelled data folders or plain folders of face pictures."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from edge.bundle import load_bundle
from edge.errors import MaskGateError
from edge.sources.pictures import pictures_in
from edge.vision.cascade import Cascade
from train.data.annotations import CLASSES, LabelledFace
from train.data.crops import is_crops
from train.data.dataset import NO_MAPPING, STOCK, load_dataset
from train.data.kaggle import is_kaggle
from train.data.patches import Patch, collect_patches
from train.data.voc import is_voc
from train.judging.metrics import SMALLEST

UNLABELLED = ""
"""The label of a face that nobody labelled."""
FEWEST = 40
"""Faces without which there is nothing to cluster: the rarer kind would be a handful."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceViews:
    """One face and the boxes it is cut around."""

    labelled: Patch
    """Around the labelled box, or the whole of a picture that shows one face."""
    detected: Patch | None
    """Around the stock detector's box, with landmarks; None where it finds no face. By its boxes,
    which are tight, the skin of a lower half is judged."""

    @property
    def patches(self) -> list[Patch]:
        """The views that there are, one or two."""
        return [self.labelled] if self.detected is None else [self.labelled, self.detected]

    @property
    def best(self) -> Patch:
        """The view around the tighter box: the detector's, where there is one."""
        return self.detected or self.labelled

    @property
    def label(self) -> str:
        """What a person says of it: one of LABELS, or UNLABELLED."""
        return self.labelled.face.label


def load_faces(
    folders: Sequence[Path],
    *,
    mapping: Mapping[str, str] = NO_MAPPING,
    allow_skipped: bool = False,
) -> list[FaceViews]:
    """Read the faces of at least SMALLEST pixels.

    Args:
        folders: labelled ones of any layout that training reads, and folders of pictures of one
            face each.
        mapping: which label the faces of another class get, see `load_dataset`.
        allow_skipped: go on even where more had to be skipped than is usual.

    Raises:
        MaskGateError: a folder without pictures, a picture that cannot be read, whatever a
            training's data are refused for, or fewer than FEWEST faces.
    """
    labelled = [folder for folder in folders if _is_labelled(folder)]
    plain = [folder for folder in folders if folder not in labelled]
    patches: list[Patch] = []
    if labelled:
        dataset = load_dataset(
            labelled, mapping=mapping, allow_skipped=allow_skipped, detector=STOCK
        )
        patches += dataset.patches
    for folder in plain:
        patches += _cut(folder)
    faces = pair_views(patches)
    large = [face for face in faces if face.labelled.size >= SMALLEST]
    # Folders named by class come class by class: not even the order may tell a method the labels.
    large.sort(key=_place)
    found = sum(face.detected is not None for face in large)
    click.echo(
        f"{len(large)} faces of {SMALLEST:g} pixels and more, {found} of them found by the "
        f"detector; {len(faces) - len(large)} smaller ones left out",
        err=True,
    )
    if len(large) < FEWEST:
        raise MaskGateError(
            f"data: expected at least {FEWEST} faces of {SMALLEST:g} pixels and more to cluster, "
            f"found {len(large)}; give more data"
        )
    return large


def pair_views(patches: Iterable[Patch]) -> list[FaceViews]:
    """Join the views of each face; the detector's follows the labelled one, if there is one."""
    faces: list[FaceViews] = []
    for patch in patches:
        if patch.around_label:
            faces.append(FaceViews(patch, None))
        else:
            faces[-1] = FaceViews(faces[-1].labelled, patch)
    return faces


def _place(face: FaceViews) -> tuple[str, float, float]:
    box = face.labelled.photo_box
    return face.labelled.face.picture.name, box.left, box.top


def _is_labelled(folder: Path) -> bool:
    return is_kaggle(folder) or is_voc(folder) or is_crops(folder, CLASSES)


def _cut(folder: Path) -> list[Patch]:
    pictures = pictures_in(folder)
    faces = [LabelledFace(one, UNLABELLED, None, one.name, folder.name) for one in pictures]
    detector = Cascade(load_bundle(STOCK.bundle), STOCK)
    with click.progressbar(faces, label=f"cutting faces of {folder}", file=sys.stderr) as bar:
        return list(collect_patches(bar, detector))
