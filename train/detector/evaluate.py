"""Judges a detector, of a training or in a bundle, on labelled photos."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import keras

from edge.bundle_files import MANIFEST, is_bundle
from edge.errors import MaskGateError
from edge.vision.regions import Detector
from train.detector.looked import Looked
from train.detector.looking import (
    STOCK,
    STOCK_THRESHOLD,
    in_bundle,
    in_training,
    look,
    look_at_worse,
    stock,
)
from train.detector.material import judgeable, load_material
from train.detector.nets import NET_FILE
from train.detector.report import write_detector_report
from train.judging.evaluate import seen_words
from train.judging.seen import SEEN, faces_seen
from train.report.run_report import read_json
from train.run_folder import FINGERPRINT, write_json


def evaluate_detector(
    judged: Path,
    data: Sequence[Path],
    out: Path | None,
    mapping: Mapping[str, str],
    *,
    allow_skipped: bool,
) -> None:
    """Judge a detector beside the stock one; write metrics.json and report.html, print a table.

    Args:
        judged: a run of `maskgate-train detector`, or a detector's bundle.
        data: data folders of any known layout, joined; crops count only where there is no photo.
        out: where to write; RUN/evaluations/<names of the data> if None.
        mapping: which label the faces of another class get, see `load_dataset`.
        allow_skipped: go on though much had to be skipped, see `load_dataset`.

    Raises:
        MaskGateError: a run, bundle or data folder that cannot be read, no faces, or a place that
            cannot be written to.
    """
    detector, threshold = _load(judged, out)
    name = "+".join(folder.resolve().name for folder in data)
    folder = out or judged / "evaluations" / name
    material = load_material(data, mapping, allow_skipped=allow_skipped)
    labelled = [patch for patch in material.dataset.patches if patch.around_label]
    seen = faces_seen(judged / SEEN, labelled)
    photos = judgeable(material.photos())
    if not photos:
        raise MaskGateError(f"data {name}: expected photos with labelled faces, found none")
    own = judged.resolve().name
    detectors = {own: detector, STOCK: stock()}
    thresholds = {own: threshold, STOCK: STOCK_THRESHOLD}
    found, worse = look(photos, detectors), look_at_worse(photos, detectors)
    looked = Looked(photos, found, worse, thresholds)
    recipe: dict[str, Any] = {
        "judged": own,
        "evaluated_on": [str(one) for one in data],
        FINGERPRINT: material.dataset.fingerprint,
        "faces_seen_in_training": seen,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "metrics.json", looked.measured("evaluation"))
    except OSError as error:
        raise MaskGateError(f"folder {folder}: cannot be written ({error.strerror})") from error
    write_detector_report(folder, looked, recipe, f"of {name}{seen_words(seen)}")
    click.echo(looked.table())
    if seen:
        click.echo(
            f"warning: {seen:,} of the {len(labelled):,} faces look like faces that the detector "
            "was trained on: these figures are too good",
            err=True,
        )
    click.echo(f"report: {folder / 'report.html'}", err=True)


def is_detector(judged: Path) -> bool:
    """Whether a folder is a detector's run or bundle, and not a classifier's."""
    if is_bundle(judged):
        return read_json(judged / MANIFEST).get("task") == "face-detection"
    return (judged / NET_FILE).is_file()


def _load(judged: Path, out: Path | None) -> tuple[Detector, float]:
    """The detector, and the score from which it reports a face."""
    if is_bundle(judged):
        if out is None:
            raise MaskGateError(
                f"bundle {judged}: nothing is written into a bundle; say where by --out FOLDER"
            )
        return in_bundle(judged)
    recipe = read_json(judged / "recipe.json")
    try:
        net = keras.models.load_model(judged / NET_FILE, compile=False)
        detector = in_training(net, float(recipe["smallest"]))
        threshold = float(recipe["threshold"])
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        reason = " ".join(str(error).split())[:200]
        raise MaskGateError(
            f"run {judged}: expected what maskgate-train detector writes ({NET_FILE}, "
            f"recipe.json); {reason}; train it again"
        ) from error
    return detector, threshold
