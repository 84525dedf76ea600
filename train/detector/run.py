"""One training of the face detector, from data folders to a run folder."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import keras

from edge.errors import MaskGateError
from train.detector.comparing import comparison_table, measure
from train.detector.figures import FALSE_PER_PHOTO, threshold_at
from train.detector.judging import LARGE, judge
from train.detector.looking import STOCK, STOCK_THRESHOLD, in_training, look, stock
from train.detector.material import HELD_BACK, Material, judgeable, load_material
from train.detector.nets import NETS
from train.detector.photos import Photo
from train.detector.report import write_detector_report
from train.detector.teach import EPOCHS, Lesson, teach
from train.fitting.checkpoint import CHECKPOINT
from train.fitting.devices import find_device
from train.fitting.keeping import HISTORY
from train.judging.seen import write_seen
from train.run_folder import (
    FINGERPRINT,
    close_run,
    note_data,
    open_run,
    revision,
    versions,
    write_json,
)

PASSING = 0.9, 0.5
"""Probabilities that P-Net and R-Net must exceed."""
FACTOR = 0.709
"""Scale from one level of the pyramid to the next; the package's.

0.6 makes P-Net a fifth cheaper and has it propose as many faces (581 of 595, not 580), but less
squarely: average precision after O-Net falls from 94 to 91 % on the 83 photos held back.
"""
OWN = "this run"
HOW_HELD_BACK = (
    "held back from the training: no photo and no group of near-duplicates is on both sides."
)


@dataclass(frozen=True, slots=True)
class Task:
    """What to train on, and how."""

    data: Sequence[Path]
    """Data folders, joined."""
    longer: float = 1.0
    """How much longer than usual to train each net."""
    seed: int = 42
    mapping: Mapping[str, str] = field(default_factory=dict)
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
        material = load_material(task.data, task.mapping, allow_skipped=task.allow_skipped)
        training, held_back, faces = material.split()
        note_data(out, material.dataset.fingerprint)
    except MaskGateError:
        if new:
            # A run that never began leaves no folder that looks like one.
            shutil.rmtree(out)
        raise
    except KeyboardInterrupt:
        raise _interrupted(out) from None
    try:
        nets = _teach_all(out, task, training, held_back)
        write_seen(out, faces)
        _write(out, task, material, nets, (training, held_back))
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
        "mapping": dict(task.mapping),
    }


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
    material: Material,
    nets: Mapping[str, keras.Model],
    photos: tuple[Sequence[Photo], Sequence[Photo]],
) -> None:
    """Measure, and write all but the nets."""
    training, held_back = photos
    judged = judgeable(held_back)
    found = look(judged, {OWN: in_training(nets, PASSING, FACTOR), STOCK: stock()})
    threshold = min(threshold_at(judge(found[OWN]), FALSE_PER_PHOTO, LARGE), 1.0)
    recipe = {
        **_settings(task),
        "thresholds": (*PASSING, threshold),
        "factor": FACTOR,
        "held_back": HELD_BACK,
        "training_photos": len(training),
        "judged_photos": len(judged),
        "collections": sorted({photo.collection for photo in (*training, *held_back)}),
        FINGERPRINT: material.dataset.fingerprint,
        "device": find_device().sentence,
        "versions": versions(),
        "revision": revision(),
    }
    write_json(out / "recipe.json", recipe)
    thresholds = {OWN: threshold, STOCK: STOCK_THRESHOLD}
    measured = {name: measure(found[name], thresholds[name]) for name in found}
    write_json(out / "metrics.json", {"validation": measured[OWN], STOCK: measured[STOCK]})
    write_detector_report(out, found, judged, thresholds, recipe, HOW_HELD_BACK)
    close_run(out)
    click.echo(comparison_table({name: judge(one) for name, one in found.items()}))
    click.echo(f"report: {out / 'report.html'}", err=True)


def _net_file(out: Path, name: str) -> Path:
    return out / f"{name}.keras"


def _interrupted(out: Path) -> MaskGateError:
    done = sum(_net_file(out, name).is_file() for name in NETS)
    return MaskGateError(
        f"run {out}: stopped with {done} of {len(NETS)} nets taught; give the same command again "
        "to go on from there"
    )
