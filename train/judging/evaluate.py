"""Judges a trained run, or a bundle as the device runs it, on labelled pictures."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import click
import keras
import numpy as np

from edge.bundle import load_bundle
from edge.bundle_files import is_bundle
from edge.config import Classifier as Settings
from edge.errors import MaskGateError
from edge.sources.pictures import read_picture
from edge.values import Pixels
from edge.vision.classifier import Classifier
from edge.vision.cut import cut_face
from train.data.annotations import LABELS
from train.data.dataset import load_dataset
from train.data.patches import Patch
from train.judging.judge import BATCH, CHUNK
from train.judging.left_out import left_out
from train.judging.metrics import SMALLEST, Numbers, measure
from train.judging.predictions import Prediction, predict, write_predictions
from train.judging.seen import SEEN, faces_seen
from train.report.run_report import Subject, read_json, write_judged_page
from train.run_folder import write_json


class Judged(Protocol):
    """A model that can be evaluated."""

    recipe: dict[str, Any]
    """Has size, margin, threshold and unsure."""

    def probabilities(self, patches: Sequence[Patch]) -> Numbers:
        """Give the probability of `face_with_mask` for each patch, cut from its photo."""
        ...


class Run:
    """The Keras model of a run folder."""

    def __init__(self, folder: Path) -> None:
        """Load it.

        Raises:
            MaskGateError: the run is incomplete or from another version.
        """
        self.recipe = _read_recipe(folder)
        try:
            self._model = keras.models.load_model(folder / "model.keras")
        except (OSError, ValueError, TypeError, BadZipFile) as error:
            reason = " ".join(str(error).split())[:200]
            raise MaskGateError(
                f"run {folder}: expected a model.keras that this version can load; {reason}"
            ) from error
        side = self.recipe["size"]
        shape = self._model.input_shape
        if shape[1:] != (side, side, 3) or self._model.output_shape[1:] != (1,):
            raise MaskGateError(
                f"run {folder}: recipe.json says that the model takes {side}x{side} pixels and "
                f"gives one probability; model.keras takes {shape} and gives "
                f"{self._model.output_shape}; train it again"
            )

    def probabilities(self, patches: Sequence[Patch]) -> Numbers:
        """Ask the Keras model, in batches."""
        side, margin = self.recipe["size"], self.recipe["margin"]
        found, cuts = [np.zeros(0)], []
        for patch, photo in _with_photos(patches):
            cuts.append(cut_face(photo, patch.photo_box, side, margin))
            if len(cuts) == CHUNK:
                found.append(self._ask(cuts))
                cuts = []
        if cuts:
            found.append(self._ask(cuts))
        return np.concatenate(found)

    def _ask(self, cuts: list[Pixels]) -> Numbers:
        answer = self._model.predict(np.stack(cuts), batch_size=BATCH, verbose=0)
        return np.asarray(answer[:, 0], np.float64)


class DeviceBundle:
    """A bundle, run by the device's own classifier."""

    def __init__(self, folder: Path) -> None:
        """Load its default form.

        Raises:
            MaskGateError: a bundle that the device would refuse, or of other labels.
        """
        bundle = load_bundle(folder)
        manifest = bundle.manifest
        self._classifier = Classifier(bundle, Settings())
        if self._classifier.labels != LABELS:
            raise MaskGateError(
                f"bundle {folder}: expected the labels {', '.join(LABELS)}, in this order; found "
                f"{', '.join(self._classifier.labels)}"
            )
        self.recipe = {
            "model": f"{manifest.name} {manifest.version}, {manifest.default_form}",
            "size": manifest.input.width,
            "margin": manifest.input.margin,
            "threshold": manifest.threshold,
            "unsure": manifest.unsure,
            "origin": manifest.origin,
        }

    def probabilities(self, patches: Sequence[Patch]) -> Numbers:
        """Ask the interpreter, face by face, as the device does."""
        found = [
            self._classifier.classify(photo, patch.photo_box)[0]
            for patch, photo in _with_photos(patches)
        ]
        return np.asarray(found, np.float64)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of it."""

    metrics: dict[str, Any]
    folder: Path
    """Where metrics.json, predictions.csv and report.html are."""
    seen: int | None
    """How many of the faces the run was trained on; None where it does not say."""
    faces: int
    """All that were judged, the small ones included."""


def evaluate(
    judged: Path,
    data: Sequence[Path],
    out: Path | None = None,
    *,
    mapping: Mapping[str, str],
    allow_skipped: bool,
) -> Evaluation:
    """Judge a model on all labelled faces of some data folders.

    Args:
        judged: a run folder, or a bundle's.
        data: data folders of any known layout, joined.
        out: where to write; RUN/evaluations/<names of the data> if None.
        mapping: which label the faces of another class get, see `load_dataset`.
        allow_skipped: go on though much had to be skipped, see `load_dataset`.

    Raises:
        MaskGateError: a run, bundle or data folder that cannot be read, no faces, or a place that
            cannot be written to.
    """
    model = _load(judged, out)
    name = "+".join(folder.resolve().name for folder in data)
    folder = out or judged / "evaluations" / name
    dataset = load_dataset(data, mapping=mapping, allow_skipped=allow_skipped)
    labelled = [patch for patch in dataset.patches if patch.around_label]
    if not any(patch.size >= SMALLEST for patch in labelled):
        raise MaskGateError(
            f"data {name}: expected faces of {SMALLEST:g} pixels and more with the labels "
            f"{' or '.join(LABELS)}; found none; name other data, or map its classes by --map"
        )
    seen = faces_seen(judged / SEEN, labelled)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MaskGateError(f"folder {folder}: cannot be made ({error.strerror})") from error
    predictions, detected = _predict(model, dataset.patches)
    metrics = {
        **measure(predictions, detected, model.recipe["unsure"], name="evaluation"),
        "data": {
            "folders": [str(one) for one in data],
            "fingerprint": dataset.fingerprint,
            "faces_seen_in_training": seen,
        },
        "left_out": left_out(dataset.annotations),
    }
    write_predictions(folder / "predictions.csv", predictions)
    _write_metrics(folder / "metrics.json", metrics)
    subject = Subject(
        title=f"{model.recipe['model']} on {name}: evaluation",
        of=model.recipe["model"],
        about=f"Judged on all {len(labelled):,} faces of {name}{seen_words(seen)}",
        recipe={**model.recipe, "evaluated_on": metrics["data"]},
        left_out=metrics["left_out"],
    )
    write_judged_page(folder, dataset.patches, subject)
    return Evaluation(metrics, folder, seen, len(labelled))


def _load(judged: Path, out: Path | None) -> Judged:
    if not is_bundle(judged):
        return Run(judged)
    if out is None:
        raise MaskGateError(
            f"bundle {judged}: nothing is written into a bundle; say where by --out FOLDER"
        )
    return DeviceBundle(judged)


def _predict(model: Judged, patches: Sequence[Patch]) -> tuple[list[Prediction], list[Prediction]]:
    """What the model says around the labelled boxes, and around the detector's."""
    labelled: list[Prediction] = []
    detected: list[Prediction] = []
    for patch, probability in zip(patches, model.probabilities(patches), strict=True):
        row = predict(patch, float(probability), model.recipe["threshold"])
        (labelled if patch.around_label else detected).append(row)
    return labelled, detected


def seen_words(seen: int | None) -> str:
    """Say, to go on a sentence, whether faces were seen in training."""
    if seen is None:
        return ". Whether the model was trained on some of them is not known here."
    if seen == 0:
        return "; none of them looks like a face that it was trained on."
    return f"; {seen:,} of them look like faces that it was trained on: the figures are too good."


def _with_photos(patches: Sequence[Patch]) -> Iterator[tuple[Patch, Pixels]]:
    """Each patch and its photo; the patches of one photo follow each other."""
    with click.progressbar(patches, label="judging faces", file=sys.stderr) as progress:
        for picture, same in groupby(progress, key=lambda patch: patch.face.picture):
            photo = read_picture(picture)
            for patch in same:
                yield patch, photo


def _read_recipe(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise MaskGateError(f"run {folder}: no such folder; name a run's or a bundle's")
    recipe = read_json(folder / "recipe.json")
    # That is of the data it was trained on.
    recipe.pop("left_out", None)
    missing = {"model", "labels", "size", "margin", "threshold", "unsure"} - recipe.keys()
    if missing or tuple(recipe["labels"]) != LABELS:
        raise MaskGateError(
            f"run {folder}: recipe.json is from another version (expected {', '.join(LABELS)} as "
            f"labels; without: {', '.join(sorted(missing)) or 'nothing'}); train it again"
        )
    return recipe


def _write_metrics(path: Path, content: Mapping[str, Any]) -> None:
    try:
        write_json(path, content)
    except OSError as error:
        raise MaskGateError(f"metrics {path}: cannot be written ({error.strerror})") from error
