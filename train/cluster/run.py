"""One clustering, from data folders to a folder of tables, sheets and a report."""

import csv
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import cv2

from edge.errors import MaskGateError
from edge.values import Pixels
from train.cluster.clustering import Clustering
from train.cluster.faces import FaceViews
from train.cluster.matching import agreement, best_matching, counted
from train.cluster.paper import cluster_features, gamma_corrected
from train.cluster.report import write_cluster_report
from train.cluster.sheets import cluster_sheets
from train.cluster.taught import cluster_taught
from train.data.annotations import LABELS
from train.data.patches import Patch
from train.fitting.features import Features, cached_features
from train.models.backbone import load_backbone
from train.run_folder import revision, write_json

FULLY_CONNECTED = ("fc1", "fc2", "predictions")
"""Layers that a network has only with its top; VGG16's and VGG19's names for them."""
PENULTIMATE = {"vgg16": "fc2", "vgg19": "fc2"}
"""The layer before the classes; of other networks the last map before them is averaged."""


@dataclass(frozen=True, slots=True)
class PaperOptions:
    """What the paper's way may vary."""

    backbone: str = "vgg16"
    weights: Path | None = None
    """The file with the backbone's weights; None downloads ImageNet's."""
    layer: str | None = None
    """Name of the layer to take; None takes the penultimate one."""
    gamma: float = 1.0
    """See `gamma_corrected`; 1 changes nothing."""


def run_cluster(
    load: Callable[[], Sequence[FaceViews]], out: Path, paper: PaperOptions | None, seed: int
) -> None:
    """Cluster faces and write what came out.

    Args:
        load: gives the faces, once it is clear that there is a place for what comes out.
        out: folder to make.
        paper: how the paper's way is to be gone; None goes ours.
        seed: the same seed, the same clusters.

    Raises:
        MaskGateError: `out` is there or cannot be made, data or weights that cannot be used.
    """
    try:
        out.mkdir(parents=True)
    except FileExistsError as error:
        raise MaskGateError(f"folder {out}: it is already there; choose another one") from error
    except OSError as error:
        raise MaskGateError(f"folder {out}: cannot be made ({error.strerror})") from error
    with ExitStack() as undo:
        # What fails leaves no folder that looks like a result.
        undo.callback(shutil.rmtree, out)
        faces = load()
        clustering = _paper(faces, paper, seed) if paper else cluster_taught(faces, seed)
        try:
            _write(out, faces, clustering, _recipe(faces, paper, seed))
        except OSError as error:
            raise MaskGateError(f"folder {out}: cannot be written ({error.strerror})") from error
        undo.pop_all()
    click.echo(f"report: {out / 'report.html'}", err=True)


def _paper(faces: Sequence[FaceViews], paper: PaperOptions, seed: int) -> Clustering:
    layer = paper.layer or PENULTIMATE.get(paper.backbone.lower())
    backbone = load_backbone(paper.backbone, paper.weights, top=layer in FULLY_CONNECTED)
    patches = [gamma_corrected(face.labelled, paper.gamma) for face in faces]
    features: Features = cached_features(patches, _fingerprint(patches), backbone, layer)
    click.echo("clustering", err=True)
    return cluster_features(features, seed)


def _fingerprint(patches: Sequence[Patch]) -> str:
    digest = hashlib.sha256()
    for patch in patches:
        digest.update(f"{patch.pixels.shape} {patch.box}".encode())
        digest.update(patch.pixels.tobytes())
    return digest.hexdigest()


def _recipe(faces: Sequence[FaceViews], paper: PaperOptions | None, seed: int) -> dict[str, Any]:
    options: dict[str, Any] = {"method": "skin"}
    if paper:
        options = {
            "method": "paper",
            "backbone": paper.backbone,
            "weights": paper.weights.name if paper.weights else "ImageNet",
            "layer": paper.layer or PENULTIMATE.get(paper.backbone.lower(), "last"),
            "gamma": paper.gamma,
        }
    return {
        **options,
        "seed": seed,
        "collections": sorted({face.labelled.face.collection for face in faces}),
        "faces": len(faces),
        "found_by_the_detector": sum(face.detected is not None for face in faces),
        "faces_sha256": _fingerprint([patch for face in faces for patch in face.patches]),
        "revision": revision(),
    }


def _write(
    out: Path, faces: Sequence[FaceViews], clustering: Clustering, recipe: dict[str, Any]
) -> None:
    known = [number for number, face in enumerate(faces) if face.label in LABELS]
    labels, judged = [faces[number].label for number in known], clustering.clusters[known]
    metrics = agreement(labels, judged, clustering.names) if known else None
    names = clustering.names or (best_matching(counted(labels, judged)) if known else None)
    _write_table(out / "clusters.csv", faces, clustering, names)
    sheets = cluster_sheets(faces, clustering, recipe["seed"])
    (out / "sheets").mkdir()
    for (cluster, kind), sheet in sheets.items():
        _write_picture(out / "sheets" / f"cluster{cluster}_{kind}.png", sheet)
    write_json(out / "recipe.json", recipe)
    if metrics:
        write_json(out / "metrics.json", metrics)
        click.echo(json.dumps(metrics))
    write_cluster_report(out, faces, clustering, sheets, metrics, recipe)


def _write_table(
    path: Path,
    faces: Sequence[FaceViews],
    clustering: Clustering,
    names: tuple[str, str] | None,
) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        # As in the dataset, x1, x2, y1, y2 hold left, top, right, bottom.
        table.writerow(("name", "x1", "x2", "y1", "y2", "classname", "cluster", "label", "score"))
        for face, cluster, score in zip(faces, clustering.clusters, clustering.scores, strict=True):
            box = face.labelled.photo_box
            sides = [round(side, 1) for side in (box.left, box.top, box.right, box.bottom)]
            label = names[cluster] if names else ""
            name = face.labelled.face.picture.name
            table.writerow((name, *sides, face.label, cluster, label, f"{score:.4f}"))


def _write_picture(path: Path, pixels: Pixels) -> None:
    # OpenCV's files are written from blue, green, red.
    _, code = cv2.imencode(".png", pixels[:, :, ::-1])
    path.write_bytes(code.tobytes())
