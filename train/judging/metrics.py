"""How good a model is: overall, by class, by size of the face, by collection.

`face_with_mask` is the positive class, 1, and always comes first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
)

from train.data.annotations import LABELS, MASKED
from train.judging.predictions import Prediction

SMALLEST = 20.0
"""Faces of fewer pixels are too small to judge by; they are counted apart."""
SIZES = (10, 14, 20, 28, 40, 64)
"""Where the ranges of face sizes begin, in pixels; each is about 1.4 times the one before."""
BINS = 10
"""Ranges of probability for the calibration error, all of one width (Guo et al., 2017)."""
NORMAL_95 = 1.959964
"""The normal distribution holds 95 % within so many standard deviations."""

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The faces whose probability falls in one range."""

    faces: int
    weight: float
    """Share of all faces, both classes weighted alike."""
    probability: float
    """Mean of what the model says."""
    masked: float
    """Share that does wear a mask, both classes weighted alike."""


def measure(
    labelled: Sequence[Prediction],
    detected: Sequence[Prediction],
    unsure: tuple[float, float],
    *,
    name: str = "validation",
) -> dict[str, Any]:
    """Measure a model, as metrics.json holds it.

    Args:
        labelled: each face once, cut around its labelled box.
        detected: the faces that the device's detector finds, cut around its boxes.
        unsure: probabilities between these two are no vote.
        name: what to call the main figures, those on the labelled boxes.

    Returns:
        `name` and "detected": the figures on faces of SMALLEST pixels and more (`figures`; None
        where there are none); "classes": precision, recall, f1 and number of faces of each;
        "confusion": for each class, how many were called what; "by_size", which has the smaller
        faces too, and "by_collection".
    """
    large = [one for one in labelled if one.size >= SMALLEST]
    found = [one for one in detected if one.size >= SMALLEST]
    return {
        name: figures(large, unsure) if large else None,
        "detected": figures(found, unsure) if found else None,
        "classes": _classes(large) if large else {},
        "confusion": _confusion(large) if large else {},
        "by_size": _by_size(labelled),
        "by_collection": _by(large, lambda one: one.collection),
    }


def figures(faces: Sequence[Prediction], unsure: tuple[float, float]) -> dict[str, Any]:
    """Measure a model on at least one face.

    Args:
        faces: what it said of each.
        unsure: probabilities between these two are no vote.

    Returns:
        Numbers of 0..1 but for the count; None for what needs both classes where there is one.
        Of calibration error and Brier score, both classes weigh alike.
    """
    masked, probabilities = columns(faces)
    right = np.array([one.right for one in faces])
    sure = (probabilities <= unsure[0]) | (probabilities >= unsure[1])
    recalls = [float(right[side].mean()) if side.any() else None for side in (masked, ~masked)]
    known = [recall for recall in recalls if recall is not None]
    both = len(known) == 2
    numbers: dict[str, float | None] = {
        "accuracy": float(right.mean()),
        "balanced_accuracy": sum(known) / 2 if both else None,
        "recall_masked": recalls[0],
        "recall_bare": recalls[1],
        "roc_auc": roc_auc_score(masked, probabilities) if both else None,
        "average_precision_masked": (
            average_precision_score(masked, probabilities) if both else None
        ),
        "average_precision_bare": (
            average_precision_score(~masked, 1 - probabilities) if both else None
        ),
        "brier": brier(probabilities, masked),
        "calibration_error": calibration_error(probabilities, masked),
        "unsure_share": float(1 - sure.mean()),
        "accuracy_sure": float(right[sure].mean()) if sure.any() else None,
    }
    return {
        "faces": len(faces),
        "accuracy_95": _interval(right),
        **{key: None if one is None else round(float(one), 4) for key, one in numbers.items()},
    }


def columns(faces: Sequence[Prediction]) -> tuple[Flags, Numbers]:
    """Say of each face whether it is masked, and with what probability the model says so."""
    masked = np.array([one.label == MASKED for one in faces], np.bool_)
    return masked, np.array([one.probability for one in faces], np.float64)


def wilson(right: int, of: int) -> tuple[float, float]:
    """Give the 95 % confidence interval of a share (Wilson, 1927).

    It takes faces as independent; those of one photo are not quite, so it is a little too narrow.

    Args:
        right: how many are right.
        of: how many there are, at least one.
    """
    share, z2 = right / of, NORMAL_95**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = NORMAL_95 / (1 + z2 / of) * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def balanced_weights(masked: Flags) -> Numbers:
    """Weigh the faces so that both classes, if both are there, weigh alike and all weigh 1."""
    counts = np.array([np.sum(~masked), np.sum(masked)])
    return np.asarray(1 / counts[masked.astype(int)] / np.sum(counts > 0), np.float64)


def brier(probabilities: Numbers, masked: Flags) -> float:
    """Mean square of how far the probabilities are off, both classes weighted alike."""
    weights = balanced_weights(masked)
    return float(brier_score_loss(masked, probabilities, sample_weight=weights, pos_label=True))


def reliability(probabilities: Numbers, masked: Flags) -> list[ReliabilityBin]:
    """Compare what the model says with what is, in BINS ranges; empty ones are left out.

    Both classes are weighted alike, for the probabilities are calibrated for that.
    """
    weights = balanced_weights(masked)
    numbers = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    bins = []
    for number in range(BINS):
        here = numbers == number
        if here.any():
            weight = float(weights[here].sum())
            said = float((weights[here] * probabilities[here]).sum()) / weight
            true = float(weights[here & masked].sum()) / weight
            bins.append(ReliabilityBin(int(here.sum()), weight, said, true))
    return bins


def calibration_error(probabilities: Numbers, masked: Flags) -> float:
    """Give the expected calibration error: how far the bins are off, on average (0..1)."""
    bins = reliability(probabilities, masked)
    return sum(one.weight * abs(one.probability - one.masked) for one in bins)


def _interval(right: Flags) -> list[float]:
    return [round(end, 4) for end in wilson(int(right.sum()), len(right))]


def _classes(faces: Sequence[Prediction]) -> dict[str, dict[str, float | int]]:
    table = precision_recall_fscore_support(
        [one.label for one in faces],
        [one.predicted for one in faces],
        labels=LABELS,
        zero_division=0.0,
    )
    return {
        label: {
            "precision": round(float(precision), 4),
            "recall": round(float(recall), 4),
            "f1": round(float(f1), 4),
            "faces": int(count),
        }
        for label, precision, recall, f1, count in zip(LABELS, *table, strict=True)
    }


def _confusion(faces: Sequence[Prediction]) -> dict[str, dict[str, int]]:
    truth, said = [one.label for one in faces], [one.predicted for one in faces]
    counts = confusion_matrix(truth, said, labels=LABELS)
    return {
        label: dict(zip(LABELS, map(int, row), strict=True))
        for label, row in zip(LABELS, counts, strict=True)
    }


def _by_size(faces: Sequence[Prediction]) -> dict[str, dict[str, Any]]:
    ends = [*SIZES[1:], None]
    names = [f"{low}-{high}" if high else f"{low}+" for low, high in zip(SIZES, ends, strict=True)]
    large_enough = [one for one in faces if one.size >= SIZES[0]]
    found = _by(large_enough, lambda one: names[int(np.searchsorted(SIZES, one.size, "right")) - 1])
    return {name: found[name] for name in names if name in found}


def _by(faces: Sequence[Prediction], key: Callable[[Prediction], str]) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[bool]] = {}
    for one in faces:
        groups.setdefault(key(one), []).append(one.right)
    return {
        name: {
            "faces": len(right),
            "accuracy": round(sum(right) / len(right), 4),
            "accuracy_95": _interval(np.array(right)),
        }
        for name, right in sorted(groups.items())
    }
