"""Makes a model's probabilities mean what they say, and picks the unsure band."""

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

TRUSTED = 0.995
"""Share of the faces outside the unsure band that must be right."""
WIDEST = 0.4
"""The unsure band reaches at most this far from 0.5."""

Numbers = NDArray[np.float64]


def calibrate(model: keras.Model, probabilities: Numbers, masked: NDArray[np.bool_]) -> Numbers:
    """Stretch and shift the model's logits so that its probabilities are calibrated.

    Platt scaling (Platt, 1999), both classes weighted alike, written into the weights of the last
    layer, so that every form of the model has it.

    Args:
        model: ends in a dense layer of one sigmoid; changed in place.
        probabilities: what the model says of the validation faces, 0..1.
        masked: whether each of them wears a mask.

    Returns:
        The calibrated probabilities of the same faces.
    """
    logits = _logits(probabilities)
    fit = LogisticRegression(class_weight="balanced").fit(logits[:, None], masked)
    stretch, shift = float(fit.coef_[0, 0]), float(fit.intercept_[0])
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel * stretch, bias * stretch + shift])
    return np.asarray(1 / (1 + np.exp(-(logits * stretch + shift))), np.float64)


def unsure_band(probabilities: Numbers, masked: NDArray[np.bool_]) -> tuple[float, float]:
    """Find the narrowest band around 0.5 outside which TRUSTED of the faces are right.

    Args:
        probabilities: calibrated, of the validation faces, 0..1.
        masked: whether each of them wears a mask.
    """
    right = (probabilities >= 0.5) == masked
    for half in np.arange(0.0, WIDEST, 0.01):
        sure = np.abs(probabilities - 0.5) >= half
        if sure.any() and right[sure].mean() >= TRUSTED:
            return round(0.5 - float(half), 2), round(0.5 + float(half), 2)
    return round(0.5 - WIDEST, 2), round(0.5 + WIDEST, 2)


def _logits(probabilities: Numbers) -> Numbers:
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float64)
