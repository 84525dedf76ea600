"""From a training's run folder to the classifier's bundle, every form of it verified."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.bundle import require_free, write_bundle
from convert.job import Job
from convert.tflite import CALIBRATED, FORMS, face_examples, to_tflite
from convert.trained_run import TrainedRun, read_run
from convert.verification import (
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


def write_classifier(folder: Path, version: str, job: Job) -> None:
    """Convert a trained classifier, verify each form, and write the bundle and its page.

    Args:
        folder: a run that maskgate-train wrote.
        version: the bundle's version, e.g. "1.0.0".
        job: what to make; the page is written beside the bundle.

    Raises:
        MaskGateError: the run is not complete or does not fit together, a form cannot be made, no
            form is good enough, or the bundle's folder is taken.
    """
    require_free(job.out, overwrite=job.overwrite)
    run = read_run(folder)
    before = _probabilities(run)
    contents = {}
    forms = job.forms or FORMS
    for number, form in enumerate(forms, 1):
        job.report(f"converting {run.recipe['model']} to {form} ({number} of {len(forms)})")
        examples = face_examples(run.calibration) if form in CALIBRATED else None
        contents[form] = to_tflite(run.model, form, examples)
    shown = Shown(
        run.validation,
        run.masked,
        float(run.recipe["threshold"]),
        before,
        "Keras",
    )
    found = verify(contents, shown, job.under, job.report, job.skipped)
    default, refused = choose_default(found, allow_loss=job.allow_loss)
    manifest = _manifest(run, version, default, found)
    models = {("classifier", form): content for form, content in contents.items()}
    write_bundle(job.out, manifest, models, overwrite=job.overwrite)
    page = page_beside(job.out)
    write_verification(page, f"{run.recipe['model']} {version}", found, default, refused)
    for form, reason in refused.items():
        job.report(f"{form} is not the default: {reason}")
    job.report(f"wrote {job.out}, default form {default}; {page} shows what each form kept")


def _probabilities(run: TrainedRun) -> NDArray[np.float64]:
    """What Keras says of each validation face."""
    found = np.asarray(run.model.predict(run.validation, batch_size=64, verbose=0)[:, 0], float)
    if not ((found >= 0) & (found <= 1)).all():
        raise MaskGateError(
            f"run {run.folder}: model.keras: expected a probability for each validation face, "
            f"found {found.min():g} to {found.max():g}; train it again"
        )
    return found


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
            "dtype": "uint8" if default == "uint8" else "float32",
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
