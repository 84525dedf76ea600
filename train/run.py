"""One training of the compact model, from data folders to a run folder.

The run folder holds the model, the recipe, the metrics, and the faces that conversion calibrates
and verifies with.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click
import numpy as np

from edge.errors import MaskGateError
from train.data.annotations import LABELS, MASKED
from train.data.dataset import load_dataset
from train.data.patches import Patch
from train.data.split import split
from train.feed.faces import device_cuts
from train.fitting.compact import train_compact
from train.judging.judge import judge
from train.judging.metrics import SMALLEST
from train.judging.predictions import write_predictions
from train.models.compact import MARGIN, SIZE

FEWEST = 2
"""Faces of a class without which there is nothing to learn or to measure."""
CALIBRATION = 400
"""Training faces kept to calibrate int8 with."""


def run_compact(data: Sequence[Path], out: Path, epochs: int, seed: int) -> None:
    """Read the data, cut the faces, train, calibrate, measure, and write the run folder.

    Raises:
        MaskGateError: a data folder that is missing or of no known layout, too few faces, or a
            run folder that cannot be made.
    """
    # Now, and not only when hours of training are to be saved.
    try:
        out.mkdir(parents=True)
    except FileExistsError as error:
        raise MaskGateError(f"run {out}: it is already there; choose another folder") from error
    except OSError as error:
        raise MaskGateError(f"run {out}: cannot be made ({error.strerror})") from error
    with ExitStack() as undo:
        # A run that fails leaves no folder that looks like one.
        undo.callback(shutil.rmtree, out)
        _train_into(out, data, epochs, seed)
        undo.pop_all()


def _train_into(out: Path, data: Sequence[Path], epochs: int, seed: int) -> None:
    dataset = load_dataset(data)
    training, validation = split(dataset.patches)
    judged = [patch for patch in validation if patch.size >= SMALLEST]
    _require_both_classes(training, "to train on")
    # One view of each face; a face may have a second one, around the detector's box.
    labelled = [patch for patch in judged if patch.landmarks is None]
    _require_both_classes(labelled, f"of {SMALLEST:g} pixels and more to validate on")
    model, history = train_compact(training, validation, epochs, seed)
    judgement = judge(model, validation, SIZE, MARGIN, seed)
    metrics = {**judgement.metrics, "history": history.history}
    recipe = {
        "model": "compact",
        "labels": LABELS,
        "size": SIZE,
        "margin": MARGIN,
        **judgement.decision,
        "epochs": epochs,
        "seed": seed,
        "training_faces": len(training),
        "dataset_sha256": dataset.fingerprint,
        "revision": _revision(),
    }
    model.save(out / "model.keras")
    (out / "recipe.json").write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")
    (out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    write_predictions(out / "predictions.csv", judgement.predictions)
    picked = np.random.default_rng(seed).permutation(len(training))[:CALIBRATION]
    np.savez_compressed(
        out / "faces.npz",
        calibration=device_cuts([training[index] for index in picked], SIZE, MARGIN),
        validation=device_cuts(judged, SIZE, MARGIN),
        masked=np.array([patch.label == MASKED for patch in judged]),
    )
    click.echo(f"{out}: {json.dumps(metrics['validation'])}", err=True)


def _require_both_classes(patches: Sequence[Patch], what: str) -> None:
    counts = {label: sum(patch.label == label for patch in patches) for label in LABELS}
    if min(counts.values()) < FEWEST:
        raise MaskGateError(
            f"data: expected at least {FEWEST} faces of each class {what}, found {counts}; "
            "give more data"
        )


def _revision() -> str:
    """Name the source that trained: the commit, with + where files differ from it."""
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=12"]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            [*git, "--dirty=+"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
