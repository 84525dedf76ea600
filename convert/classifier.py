"""From a training's run folder to the classifier's bundle, every form of it verified."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np
from numpy.typing import NDArray

from convert.bundle import require_free, write_bundle
from convert.recipe import read_metrics, read_recipe
from convert.tflite import CALIBRATED, face_examples, to_tflite
from convert.verification import (
    Report,
    Runtime,
    Shown,
    Verification,
    choose_default,
    summary,
    verify,
)
from convert.verification_page import page_beside, write_verification
from edge.bundle import Form
from edge.errors import MaskGateError
from train.judging.metrics import SMALLEST

PICTURE_DTYPE: dict[Form, str] = {"uint8": "uint8"}
"""What the device gives to a form; float32 unless it stands here."""


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """What a training left."""

    folder: Path
    recipe: Mapping[str, Any]
    metrics: Mapping[str, Any]
    """Figures of the validation."""
    calibration: NDArray[np.uint8]
    """Faces that it was trained on, cut as the device cuts them."""
    validation: NDArray[np.uint8]
    """Views of faces that were held back."""
    masked: NDArray[np.bool_]
    """Of each of those."""
    model: keras.Model


def write_classifier(
    folder: Path,
    out: Path,
    *,
    version: str,
    forms: Sequence[Form],
    under: Sequence[Runtime],
    skipped: Sequence[str],
    allow_loss: bool,
    overwrite: bool,
    report: Report,
) -> None:
    """Convert a trained classifier, verify each form, and write the bundle and its page.

    Args:
        folder: a run that maskgate-train wrote.
        out: the bundle's folder; the page is written beside it.
        version: the bundle's version, e.g. "1.0.0".
        forms: which to make, at least one.
        under: the runtimes to verify with.
        skipped: what cannot be verified here, and why.
        allow_loss: take the most preferred form as the default, whatever it loses.
        overwrite: replace a bundle that is already there.
        report: gets a line for each step.

    Raises:
        MaskGateError: the run is not complete or does not fit together, a form cannot be made, no
            form is good enough, or the bundle's folder is taken.
    """
    require_free(out, overwrite=overwrite)
    run = read_run(folder)
    contents = {}
    for number, form in enumerate(forms, 1):
        report(f"converting {run.recipe['model']} to {form} ({number} of {len(forms)})")
        examples = face_examples(run.calibration) if form in CALIBRATED else None
        contents[form] = to_tflite(run.model, form, examples)
    before = run.model.predict(run.validation, batch_size=64, verbose=0)[:, 0]
    shown = Shown(
        run.validation,
        run.masked,
        float(run.recipe["threshold"]),
        np.asarray(before, np.float64),
        "Keras",
    )
    found = verify(contents, shown, under, report, skipped)
    default, refused = choose_default(found, allow_loss=allow_loss)
    manifest = _manifest(run, version, default, found)
    models = {("classifier", form): content for form, content in contents.items()}
    write_bundle(out, manifest, models, overwrite=overwrite)
    page = page_beside(out)
    write_verification(page, f"{run.recipe['model']} {version}", found, default, refused)
    for form, reason in refused.items():
        report(f"{form} is not the default: {reason}")
    report(f"wrote {out}, default form {default}; {page} shows what each form kept")


def read_run(folder: Path) -> TrainedRun:
    """Read what conversion needs of a run.

    Raises:
        MaskGateError: a part is missing, damaged, or does not fit the others.
    """
    try:
        recipe, metrics = read_recipe(folder), read_metrics(folder)
        with np.load(folder / "faces.npz") as archive:
            run = TrainedRun(
                folder,
                recipe,
                metrics,
                archive["calibration"],
                archive["validation"],
                archive["masked"],
                keras.models.load_model(folder / "model.keras"),
            )
        _require_fitting(run, recipe["size"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        reason = " ".join(str(error).split())[:300]
        raise MaskGateError(
            f"run {folder}: expected what maskgate-train writes (model.keras, recipe.json, "
            f"metrics.json, faces.npz), found: {reason}; train it again"
        ) from error
    return run


def _require_fitting(run: TrainedRun, size: int) -> None:
    shape = (size, size, 3)
    if run.model.input_shape[1:] != shape or run.model.output_shape[1:] != (1,):
        raise ValueError(
            f"recipe.json says {size}x{size} pixels and one probability, model.keras takes "
            f"{run.model.input_shape[1:]} and gives {run.model.output_shape[1:]}"
        )
    for name, faces in (("calibration", run.calibration), ("validation", run.validation)):
        if faces.dtype != np.uint8 or faces.shape[1:] != shape:
            raise ValueError(
                f"faces.npz, {name}: expected uint8 {shape}, found {faces.dtype} {faces.shape[1:]}"
            )
    if run.masked.dtype != np.bool_ or run.masked.ndim != 1:
        raise ValueError(
            "faces.npz, masked: expected yes or no for each face, found "
            f"{run.masked.dtype} {run.masked.shape}"
        )
    if not len(run.validation) or len(run.masked) != len(run.validation):
        raise ValueError(
            f"faces.npz: expected a label for each validation face and at least one, found "
            f"{len(run.masked)} for {len(run.validation)}"
        )


def _manifest(run: TrainedRun, version: str, default: Form, found: Verification) -> dict[str, Any]:
    recipe = run.recipe
    return {
        "name": recipe["model"],
        "version": version,
        "task": "mask-classification",
        "labels": recipe["labels"],
        "input": {
            "width": recipe["size"],
            "height": recipe["size"],
            "colour": "RGB",
            "dtype": PICTURE_DTYPE.get(default, "float32"),
            "offset": 0.0,
            "scale": 1.0,
            "margin": recipe["margin"],
        },
        "output": "probability of the first label",
        "threshold": recipe["threshold"],
        "unsure": recipe["unsure"],
        "default_form": default,
        "measured": {
            **run.metrics,
            "measured_on": f"faces of at least {SMALLEST:g} pixels in photos held back from the "
            "training, one view of each around its labelled box",
            "conversion": {
                **summary(found),
                "measured_on": "the same faces, and their views around the boxes of the device's "
                "detector",
            },
        },
        "origin": {"recipe": recipe},
        "licence": "Apache-2.0",
    }
