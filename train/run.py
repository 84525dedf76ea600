"""One training, from data folders to a run folder.

The run folder holds the model, the recipe, what it was measured to do, and the faces that
conversion calibrates and verifies with.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import click
import keras
import numpy as np

from edge.errors import MaskGateError
from train.data.annotations import LABELS, MASKED
from train.data.dataset import load_dataset
from train.data.patches import Patch
from train.data.split import split
from train.feed.faces import device_cuts
from train.fitting.devices import find_device
from train.fitting.fit import Plan
from train.fitting.keeping import HISTORY
from train.judging.judge import Judgement, judge
from train.judging.left_out import left_out
from train.judging.metrics import SMALLEST
from train.judging.predictions import write_predictions
from train.judging.seen import write_seen
from train.models.kinds import Kind, Material, labelled
from train.report.run_report import write_report
from train.run_folder import (
    FINGERPRINT,
    beginning,
    close_run,
    note_data,
    open_run,
    resumable,
    revision,
    versions,
    write_json,
)

FEWEST = 2
"""Faces of a class without which there is nothing to learn or to measure."""
CALIBRATION = 400
"""Training faces kept to calibrate int8 with."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to train on, and how."""

    data: Sequence[Path]
    """Data folders, joined."""
    epochs: int
    seed: int = 42
    split: Literal["groups", "rows"] = "groups"
    """How the validation faces are chosen, see `train.data.split`."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Which label, masked or bare, the faces of another class get."""
    allow_skipped: bool = False
    """Go on even where many faces had to be skipped."""
    patience: int | None = None
    """Epochs without a lower validation loss after which to stop; None: never."""


def run_training(kind: Kind, task: Task, out: Path) -> None:
    """Read the data, cut the faces, train, calibrate, measure, and write the run folder.

    An unfinished run of the same kind and task goes on where it was.

    Raises:
        MaskGateError: a data folder that is missing or of no known layout, too few faces, a run
            folder that is taken or cannot be written, or an interruption by the user.
    """
    # First of all: TensorFlow joins other machines only at its start.
    chief = find_device().worker == 0
    # Now, and not only when hours of training are to be saved.
    new = open_run(out, _settings(kind, task)) if chief else False
    with beginning(out, new=new):
        material = _material(task)
        if chief:
            note_data(out, material.dataset.fingerprint)
    with resumable(out):
        model = kind.train(material, Plan(task.epochs, task.seed, task.patience, out))
        if chief:
            _write(out, kind, task, material, model)


def _settings(kind: Kind, task: Task) -> dict[str, Any]:
    return {
        "model": kind.name,
        **kind.options,
        "epochs": task.epochs,
        "seed": task.seed,
        "split": task.split,
        "mapping": dict(task.mapping),
        "patience": task.patience,
    }


def _material(task: Task) -> Material:
    dataset = load_dataset(task.data, mapping=task.mapping, allow_skipped=task.allow_skipped)
    training, validation = split(dataset.patches, task.split)
    _require_both_classes(training, "to train on")
    what = f"of {SMALLEST:g} pixels and more to validate on"
    _require_both_classes(_judged(validation), what)
    return Material(dataset, training, validation)


def _judged(validation: Sequence[Patch]) -> list[Patch]:
    """One view of each face that is large enough."""
    return [patch for patch in labelled(validation) if patch.size >= SMALLEST]


def _require_both_classes(patches: Sequence[Patch], what: str) -> None:
    counts = {label: sum(patch.label == label for patch in patches) for label in LABELS}
    if min(counts.values()) < FEWEST:
        raise MaskGateError(
            f"data: expected at least {FEWEST} faces of each class {what}, found {counts}; "
            "give more data"
        )


def _write(out: Path, kind: Kind, task: Task, material: Material, model: keras.Model) -> None:
    judgement = judge(
        model,
        material.validation,
        kind.size,
        kind.margin,
        task.seed,
        shown_alike=kind.shows_alike,
    )
    model.save(out / "model.keras")
    write_json(out / "recipe.json", _recipe(out, kind, task, material, judgement))
    write_json(out / "metrics.json", judgement.metrics)
    write_predictions(out / "predictions.csv", judgement.predictions)
    _write_faces(out / "faces.npz", kind, task, material)
    write_seen(out, material.training)
    write_report(out, material.validation)
    close_run(out)
    figures = judgement.metrics["validation"]
    click.echo(
        f"{out}: right for {figures['accuracy']:.1%} of {figures['faces']} faces of photos held "
        f"back (masked {figures['recall_masked']:.1%}, bare {figures['recall_bare']:.1%}); "
        f"{out / 'report.html'} shows more",
        err=True,
    )


def _recipe(
    out: Path, kind: Kind, task: Task, material: Material, judgement: Judgement
) -> dict[str, Any]:
    with (out / HISTORY).open(newline="", encoding="utf-8") as file:
        history = list(csv.DictReader(file))
    return {
        **_settings(kind, task),
        "labels": LABELS,
        "size": kind.size,
        "margin": kind.margin,
        **judgement.decision,
        "epochs_trained": len(history),
        "training_faces": len(labelled(material.training)),
        "validation_faces": len(labelled(material.validation)),
        "collections": sorted({patch.face.collection for patch in material.dataset.patches}),
        FINGERPRINT: material.dataset.fingerprint,
        # Pairs alike that may be on both sides, since their group would have been too large.
        "duplicates_not_joined": material.dataset.refused,
        "left_out": left_out(material.dataset.annotations),
        "device": find_device().sentence,
        "seconds": round(sum(float(row["seconds"]) for row in history)),
        "versions": versions(),
        "revision": revision(),
    }


def _write_faces(path: Path, kind: Kind, task: Task, material: Material) -> None:
    """Keep the faces that conversion calibrates int8 with, and the views that it verifies on.

    Views around labelled boxes and around the detector's, for the device meets both.
    """
    shuffled = np.random.default_rng(task.seed).permutation(len(material.training))
    judged = [patch for patch in material.validation if patch.size >= SMALLEST]
    picked = [material.training[index] for index in shuffled[:CALIBRATION]]
    np.savez_compressed(
        path,
        calibration=device_cuts(picked, kind.size, kind.margin),
        validation=device_cuts(judged, kind.size, kind.margin),
        masked=np.array([patch.label == MASKED for patch in judged]),
    )
