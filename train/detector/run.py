"""One training of the face detector, from data folders to a run folder."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import keras

from edge.errors import MaskGateError
from edge.vision.cascade import Cascade
from train.data.annotations import MASKED, read_folders
from train.data.dataset import Dataset, load_dataset
from train.data.split import split
from train.detector.comparing import comparison_table, measure
from train.detector.figures import FALSE_PER_PHOTO, threshold_at
from train.detector.judging import ALL, judge
from train.detector.matching import Found, found_in
from train.detector.nets import NETS, cascade_of, stock_cascade
from train.detector.photos import Photo, collect_photos
from train.detector.report import write_detector_report
from train.detector.teach import EPOCHS, Lesson, teach
from train.fitting.checkpoint import CHECKPOINT
from train.fitting.devices import find_device
from train.fitting.keeping import HISTORY
from train.run_folder import (
    FINGERPRINT,
    close_run,
    note_data,
    open_run,
    revision,
    versions,
    write_json,
)

HELD_BACK = 0.15
"""Share of the faces: more than a classifier holds back, for many a photo has one large face."""
SMALLEST = 16.0
"""Pixels of the smallest face looked for when judging: those from 20 count."""
PASSING = 0.8, 0.5
"""Probabilities that P-Net and R-Net must exceed."""
FACTOR = 0.6
"""Scale from one level of the pyramid to the next.

Of 595 labelled faces of 20 pixels and more, P-Net as taught proposes 581; with the package's 0.709
it proposes 580, for a quarter more work, and shows R-Net 68 boxes a photo instead of 53.
"""
STOCK_PASSING, STOCK_THRESHOLD = (0.6, 0.7), 0.8
"""The package's."""
LEAST = 0.02
"""Of O-Net's scores when judging, for the curves; the threshold is chosen by them."""
ALWAYS_FACES = {"face_with_mask_incorrect": MASKED}
"""Classes that are faces for a detector, whatever the classifier makes of them."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to train on, and how."""

    data: Sequence[Path]
    """Data folders, joined."""
    longer: float = 1.0
    """How much longer than usual to train each net."""
    seed: int = 42
    mapping: dict[str, str] = field(default_factory=dict)
    """Which label, masked or bare, the faces of another class get."""
    allow_skipped: bool = False
    """Go on even where many faces had to be skipped."""


def train_detector(task: Task, out: Path) -> None:
    """Read the data, teach the nets one after the other, measure, and write the run folder.

    An unfinished run of the same task goes on where it was.

    Raises:
        MaskGateError: a data folder that is missing or of no known layout, too few photos, a run
            folder that is taken or cannot be written, or an interruption by the user.
    """
    new = open_run(out, _settings(task))
    try:
        dataset, training, held_back = _material(task)
        note_data(out, dataset.fingerprint)
    except MaskGateError:
        if new:
            # A run that never began leaves no folder that looks like one.
            shutil.rmtree(out)
        raise
    except KeyboardInterrupt:
        raise _interrupted(out) from None
    try:
        nets = _teach_all(out, task, training, held_back)
        _write(out, task, dataset, nets, training, held_back)
    except KeyboardInterrupt:
        raise _interrupted(out) from None
    except OSError as error:
        raise MaskGateError(
            f"run {out}: cannot be written ({error.strerror or error}); make room, then give the "
            "same command again to go on with it"
        ) from error


def _settings(task: Task) -> dict[str, Any]:
    return {
        "model": "detector",
        "longer": task.longer,
        "seed": task.seed,
        "mapping": task.mapping,
    }


def _material(task: Task) -> tuple[Dataset, list[Photo], list[Photo]]:
    """The data, the photos to train on, and those held back."""
    readings = read_folders(task.data, task.mapping)
    classes = {row.classname for reading in readings for row in reading.rows}
    others = {name: label for name, label in ALWAYS_FACES.items() if name in classes}
    mapping = others | task.mapping
    dataset = load_dataset(task.data, mapping=mapping, allow_skipped=task.allow_skipped)
    parts = split(dataset.patches, share=HELD_BACK)
    training, held_back = (collect_photos(part, readings) for part in parts)
    for photos, what in ((training, "to train on"), (held_back, "to hold back")):
        _require_both(photos, what)
    return dataset, training, held_back


def _require_both(photos: Sequence[Photo], what: str) -> None:
    masked = sum(int(photo.masked.sum()) for photo in photos)
    bare = sum(len(photo.masked) for photo in photos) - masked
    if not masked or not bare:
        raise MaskGateError(
            f"data: expected photos with masked and bare faces {what}, found {masked} masked and "
            f"{bare} bare; give more data"
        )


def _teach_all(
    out: Path, task: Task, training: Sequence[Photo], held_back: Sequence[Photo]
) -> dict[str, keras.Model]:
    nets: dict[str, keras.Model] = {}
    for name in NETS:
        kept = _net_file(out, name)
        if kept.is_file():
            nets[name] = keras.models.load_model(kept, compile=False)
            continue
        click.echo(f"{name}: {NETS.index(name) + 1} of {len(NETS)} nets", err=True)
        folder = (out / CHECKPOINT).with_name(name)
        epochs = max(1, round(EPOCHS[name] * task.longer))
        lesson = Lesson(name, nets, training, held_back, folder, epochs, task.seed)
        nets[name] = teach(lesson)
        shutil.copy(folder / HISTORY, out / f"{name}.csv")
        beside = kept.with_name(f".{kept.name}")
        nets[name].save(beside)
        beside.rename(kept)
    return nets


def _write(
    out: Path,
    task: Task,
    dataset: Dataset,
    nets: dict[str, keras.Model],
    training: Sequence[Photo],
    held_back: Sequence[Photo],
) -> None:
    """Measure, and write all but the nets."""
    # A crop's box is a detector's own: the figures would say how alike the two are.
    judged = [photo for photo in held_back if not photo.is_crop] or held_back
    detectors = {
        "this run": cascade_of(nets, (*PASSING, LEAST), SMALLEST, FACTOR),
        "mtcnn": stock_cascade((*STOCK_PASSING, LEAST), SMALLEST),
    }
    found = {
        name: _look(f"{name}: looking at photos", judged, detector)
        for name, detector in detectors.items()
    }
    threshold = threshold_at(judge(found["this run"]), FALSE_PER_PHOTO, ALL)
    recipe = {
        **_settings(task),
        "thresholds": (*PASSING, threshold),
        "factor": FACTOR,
        "held_back": HELD_BACK,
        "training_photos": len(training),
        "judged_photos": len(judged),
        "collections": sorted({photo.collection for photo in (*training, *held_back)}),
        FINGERPRINT: dataset.fingerprint,
        "device": find_device().sentence,
        "versions": versions(),
        "revision": revision(),
    }
    write_json(out / "recipe.json", recipe)
    thresholds = {"this run": threshold, "mtcnn": STOCK_THRESHOLD}
    measured = {name: measure(found[name], thresholds[name]) for name in found}
    figures = {"validation": measured["this run"], "mtcnn": measured["mtcnn"]}
    write_json(out / "metrics.json", figures)
    write_detector_report(out, found, judged, thresholds, recipe)
    close_run(out)
    click.echo(comparison_table({name: judge(one) for name, one in found.items()}))
    click.echo(f"report: {out / 'report.html'}", err=True)


def _look(label: str, photos: Sequence[Photo], detector: Cascade) -> list[Found]:
    with click.progressbar(photos, label=label, file=sys.stderr) as bar:
        return [found_in(photo, detector) for photo in bar]


def _net_file(out: Path, name: str) -> Path:
    return out / f"{name}.keras"


def _interrupted(out: Path) -> MaskGateError:
    done = sum(_net_file(out, name).is_file() for name in NETS)
    return MaskGateError(
        f"run {out}: stopped with {done} of {len(NETS)} nets taught; give the same command again "
        "to go on from there"
    )
