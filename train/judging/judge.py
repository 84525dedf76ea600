"""Judges a newly trained model on the validation faces, and calibrates it on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from train.data.annotations import MASKED
from train.data.patches import Patch
from train.feed.faces import device_cuts
from train.judging.calibrate import (
    CRITERION,
    THRESHOLD,
    Scaling,
    cross_fit,
    fit_scaling,
    scale_model,
    unsure_band,
)
from train.judging.metrics import (
    SMALLEST,
    Flags,
    Numbers,
    brier,
    calibration_error,
    measure,
)
from train.judging.predictions import Prediction, predict

CHUNK = 512
"""Faces that are cut before the model is asked."""
BATCH = 64


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a run folder keeps of it."""

    predictions: list[Prediction]
    """One for each validation face, around its labelled box, in the order of the patches."""
    metrics: dict[str, Any]
    """The content of metrics.json."""
    decision: dict[str, Any]
    """What recipe.json says of it: threshold, unsure, criterion, calibration."""


def judge(
    model: keras.Model,
    validation: Sequence[Patch],
    size: int,
    margin: float,
    seed: int,
    *,
    shown_alike: bool,
) -> Judgement:
    """Calibrate a model and measure it.

    The figures are those of probabilities that are calibrated on other faces than each is judged
    on; the model itself is calibrated on all of them.

    Args:
        model: takes pixels 0..255, batch x size x size x 3, gives the probability of
            `face_with_mask`, batch x 1; its last layer, dense and of one sigmoid, is changed.
        validation: faces that it was not trained on; of those with labelled boxes of SMALLEST
            pixels and more, some of either class.
        size: side of the model's input in pixels.
        margin: what the device's cut adds around the box, see `cut_face`.
        seed: of the folds.
        shown_alike: whether its training showed as many masked as bare faces.
    """
    before = probabilities(model, validation, size, margin)
    masked = np.array([patch.label == MASKED for patch in validation], np.bool_)
    groups = np.array([patch.group for patch in validation])
    large = np.array([patch.size >= SMALLEST for patch in validation], np.bool_)
    labelled = np.array([patch.around_label for patch in validation], np.bool_)
    shift = not shown_alike
    scaling = fit_scaling(before[large], masked[large], shift=shift)
    scale_model(model, scaling)
    after = scaling(before)
    after[large], folds = cross_fit(before[large], masked[large], groups[large], seed, shift=shift)
    main = large & labelled
    band = unsure_band(after[main], masked[main])
    rows = [
        predict(patch, float(now), THRESHOLD, float(then))
        for patch, now, then in zip(validation, after, before, strict=True)
    ]
    predictions = [row for row, here in zip(rows, labelled, strict=True) if here]
    detected = [row for row, here in zip(rows, labelled, strict=True) if not here]
    unsure = (band.low, band.high)
    calibration = {
        "folds": folds,
        "before": _calibration(before[main], masked[main]),
        "after": _calibration(after[main], masked[main]),
    }
    decision = {
        "threshold": THRESHOLD,
        "unsure": unsure,
        "criterion": CRITERION,
        "criterion_met": band.met,
        "calibration": _recipe(scaling, int(large.sum()), shift=shift),
    }
    metrics = {**measure(predictions, detected, unsure), "calibration": calibration}
    return Judgement(predictions, metrics, decision)


def probabilities(
    model: keras.Model, patches: Sequence[Patch], size: int, margin: float
) -> Numbers:
    """Give the probability of `face_with_mask` for each face, 0..1, cut as the device does."""
    found = [np.zeros(0)]
    for start in range(0, len(patches), CHUNK):
        faces = device_cuts(patches[start : start + CHUNK], size, margin)
        found.append(model.predict(faces, batch_size=BATCH, verbose=0)[:, 0])
    return np.asarray(np.concatenate(found), np.float64)


def _calibration(numbers: Numbers, masked: Flags) -> dict[str, float]:
    return {
        "brier": round(brier(numbers, masked), 4),
        "calibration_error": round(calibration_error(numbers, masked), 4),
    }


def _recipe(scaling: Scaling, faces: int, *, shift: bool) -> dict[str, Any]:
    fitted = "stretch and shift" if shift else "stretch"
    return {
        "method": f"Platt scaling, {fitted}, both classes weighted alike",
        "stretch": round(scaling.stretch, 4),
        "shift": round(scaling.shift, 4),
        "views": faces,
    }
