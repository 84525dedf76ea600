"""One training of the face detector, from data folders to a run folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import keras

from edge.bundle import load_bundle
from edge.bundle_files import is_bundle
from edge.errors import MaskGateError
from train.detector.figures import FALSE_PER_PHOTO, threshold_at
from train.detector.found_file import FOUND_FILE, write_found
from train.detector.going_on import go_on_from
from train.detector.halfway import go_halfway_back
from train.detector.judging import LARGE, judge
from train.detector.looked import Looked
from train.detector.looking import STOCK, STOCK_THRESHOLD, in_training, look, look_at_worse, stock
from train.detector.material import HELD_BACK, Material, judgeable, load_material
from train.detector.nets import DOUBT, NET_FILE
from train.detector.photos import Photo
from train.detector.report import write_detector_report
from train.detector.teach import STEPS, Lesson, teach
from train.fitting.devices import find_device
from train.judging.seen import write_seen
from train.models.single_shot import single_shot_model
from train.report.run_report import read_json
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

SMALLEST = 20.0
"""Size at which the net is shown the smallest faces looked for, pixels."""
OWN = "this run"
APART = "no photo and no group of near-duplicates is on both sides."


@dataclass(frozen=True, slots=True)
class Task:
    """What to train on, and how."""

    data: Sequence[Path]
    """Data folders, joined."""
    steps: int = STEPS
    """Batches to train on."""
    seed: int = 42
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Which label, masked or bare, the faces of another class get."""
    allow_skipped: bool = False
    """Go on even where many faces had to be skipped."""
    first: Path | None = None
    """Another run, or a bundle, whose net this one goes on from; None: it begins with nothing."""
    judged: Sequence[Path] = ()
    """Data folders to judge by; of none, a part of `data` is held back."""
    halfway: bool = False
    """Take the mean of the net and of the one it goes on from."""


def train_detector(task: Task, out: Path) -> None:
    """Read the data, teach the net, measure, and write the run folder.

    An unfinished run of the same task goes on where it was.

    Raises:
        MaskGateError: a data folder that is missing or of no known layout, too few photos, a run
            folder that is taken or cannot be written, or an interruption by the user.
    """
    settings = _settings(task)
    if task.first:
        # Refused now, not after the data were read.
        go_on_from(single_shot_model(), task.first)
    new = open_run(out, settings)
    with beginning(out, new=new):
        folders = [*task.data, *task.judged]
        material = load_material(folders, task.mapping, allow_skipped=task.allow_skipped)
        training, held_back, faces = material.split(task.judged)
        note_data(out, material.dataset.fingerprint)
    with resumable(out):
        net = _teach(out, task, training, held_back)
        write_seen(out, faces)
        _write(out, task, material, net, (training, held_back))


def _settings(task: Task) -> dict[str, Any]:
    return {
        "model": "detector",
        "steps": task.steps,
        "seed": task.seed,
        "mapping": dict(task.mapping),
        "first": _recipe_of(task.first) if task.first else None,
        "judged_by": _names(task.judged),
        "halfway": task.halfway,
    }


def _names(folders: Sequence[Path]) -> list[str]:
    return sorted(folder.resolve().name for folder in folders)


def _recipe_of(first: Path) -> dict[str, Any]:
    """What was done in the run that this one goes on from, or which bundle it is.

    Raises:
        MaskGateError: it is none of a detector.
    """
    if is_bundle(first):
        manifest = load_bundle(first).manifest
        return {"bundle": manifest.name, "version": manifest.version}
    recipe = read_json(first / "recipe.json")
    if recipe.get("model") != "detector" or not (first / NET_FILE).is_file():
        raise MaskGateError(
            f"run {first}: expected one of maskgate-train detector ({NET_FILE}, recipe.json), or a "
            "detector's bundle, to go on from; name another"
        )
    wanted = ("steps", "seed", FINGERPRINT, "revision", "first")
    return {name: recipe.get(name) for name in wanted}


def _teach(
    out: Path, task: Task, training: Sequence[Photo], held_back: Sequence[Photo]
) -> keras.Model:
    """Train the net, or read it where an earlier start has."""
    kept = out / NET_FILE
    if kept.is_file():
        return keras.models.load_model(kept, compile=False)
    net = teach(Lesson(training, held_back, out, task.steps, task.seed, task.first))
    if task.halfway and task.first:
        go_halfway_back(net, task.first)
    beside = kept.with_name(f".{kept.name}")
    net.save(beside)
    beside.rename(kept)
    return net


def _write(
    out: Path,
    task: Task,
    material: Material,
    net: keras.Model,
    photos: tuple[Sequence[Photo], Sequence[Photo]],
) -> None:
    """Measure, and write all but the net."""
    training, held_back = photos
    judged = judgeable(held_back)
    detectors = {OWN: in_training(net, SMALLEST), STOCK: stock()}
    found = look(judged, detectors)
    threshold = min(threshold_at(judge(found[OWN]), FALSE_PER_PHOTO, LARGE), 1.0)
    recipe = {
        **_settings(task),
        "threshold": threshold,
        "smallest": SMALLEST,
        "doubt": DOUBT,
        "held_back": None if task.judged else HELD_BACK,
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
    looked = Looked(judged, found, look_at_worse(judged, detectors), thresholds)
    write_found(out / FOUND_FILE, found[OWN])
    write_json(out / "metrics.json", looked.measured("validation"))
    where = f"of {', '.join(_names(task.judged))}" if task.judged else "held back"
    how = f"{where}, kept from the training: {APART}"
    write_detector_report(out, looked, recipe, how)
    close_run(out)
    click.echo(looked.table())
    click.echo(f"report: {out / 'report.html'}", err=True)
