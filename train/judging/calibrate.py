"""Makes a model's probabilities mean what they say, and says which of them count.

**Threshold.** A masked face called bare and a bare one called masked weigh alike, and who comes to
an entrance is not known beforehand. So the probabilities are calibrated as if as many masked as
bare faces came, and the threshold is 0.5: the decision that makes the mean of both classes' errors
smallest (Bayes), with nothing to tune.

**Stretch and shift.** Every model gets a stretch, for networks are surer than they are right (Guo
et al., 2017). A shift takes back the share of masked faces that a training showed. One that showed
both classes alike has none to take back: what would be fitted there is the accident of which few
validation faces are wrong.

**Unsure band.** The narrowest band around 0.5 outside which at least TRUSTED of the faces are
right, the mean of both classes. A small set may show no error by luck; so of each class one more
wrong face is counted than was found: with fewer than about 200 faces of a class no band but the
widest can do. Where none does, it is the widest, and the recipe says so.

**Honest figures.** Calibrated on all validation faces, the saved model has seen them. The figures
and the band come from probabilities calibrated on other groups of faces (`cross_fit`).
"""

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from train.judging.metrics import Flags, Numbers, balanced_weights

THRESHOLD = 0.5
TRUSTED = 0.995
"""Share of the faces outside the unsure band that must be right."""
WIDEST = 0.4
"""The unsure band reaches at most this far from the threshold."""
STEP = 0.01
FOLDS = 5
CRITERION = (
    f"threshold {THRESHOLD:g}: both errors weigh alike, and the probabilities are calibrated for "
    "as many masked as bare faces; unsure band: the narrowest around it outside which at least "
    f"{TRUSTED * 100:g} % of the validation faces are right, mean of both classes, one more wrong "
    f"face counted of each class than was found; at most {WIDEST:g} to either side"
)


@dataclass(frozen=True, slots=True)
class Scaling:
    """Calibrated logit = stretch * logit + shift (Platt, 1999)."""

    stretch: float
    shift: float

    def __call__(self, probabilities: Numbers) -> Numbers:
        """Calibrate probabilities, 0..1."""
        return np.asarray(1 / (1 + np.exp(-(_logits(probabilities) * self.stretch + self.shift))))


@dataclass(frozen=True, slots=True)
class Band:
    """The probabilities that are no vote."""

    low: float
    high: float
    wrong: float
    """Share of wrong faces outside of it, as the criterion counts them."""

    @property
    def met(self) -> bool:
        """Whether the criterion is met, or the band is merely the widest."""
        return self.wrong <= 1 - TRUSTED


def fit_scaling(probabilities: Numbers, masked: Flags, *, shift: bool) -> Scaling:
    """Fit a stretch, and a shift if asked, both classes weighted alike.

    The targets are Platt's: not quite 0 and 1, by as much as the number of faces of the class
    warrants, so that classes which are told apart without error do not stretch without end.

    Args:
        probabilities: what the model says of each face, 0..1.
        masked: whether each wears a mask; both kinds must be there.
        shift: fit one too; without it 0.5 stays 0.5.
    """
    counts = np.array([np.sum(~masked), np.sum(masked)])
    doubt = 1 / (counts[masked.astype(int)] + 2)
    weights = balanced_weights(masked)
    # A soft target is a face that is there twice, once with either label.
    logits = np.tile(_logits(probabilities), 2)[:, None]
    labels = np.concatenate([masked, ~masked])
    each = np.concatenate([weights * (1 - doubt), weights * doubt]) * len(masked)
    fit = LogisticRegression(C=np.inf, fit_intercept=shift).fit(logits, labels, sample_weight=each)
    stretch, moved = float(fit.coef_[0, 0]), float(np.ravel(fit.intercept_)[0])
    # Turned round, a model that is worse than chance would swap its labels; it stays as it is.
    return Scaling(stretch, moved) if stretch > 0 else Scaling(1.0, 0.0)


def cross_fit(
    probabilities: Numbers, masked: Flags, groups: NDArray[np.str_], seed: int, *, shift: bool
) -> tuple[Numbers, int]:
    """Calibrate each face by a scaling that is fitted without its group.

    Args:
        probabilities: what the model says of each face, 0..1.
        masked: whether each wears a mask.
        groups: faces of one group stay together.
        seed: of the folds.
        shift: see `fit_scaling`.

    Returns:
        The calibrated probabilities, and the number of folds; where a class is in one group only,
        that is 0: they are calibrated on themselves.
    """
    folds, number = _folds(masked, groups, seed)
    if number < 2:
        return fit_scaling(probabilities, masked, shift=shift)(probabilities), 0
    calibrated = np.empty_like(probabilities)
    for fold in range(number):
        here = folds == fold
        scaling = fit_scaling(probabilities[~here], masked[~here], shift=shift)
        calibrated[here] = scaling(probabilities[here])
    return calibrated, number


def scale_model(model: keras.Model, scaling: Scaling) -> None:
    """Write a scaling into the last layer, so that every form of the model has it.

    Args:
        model: ends in a dense layer of one sigmoid; changed in place.
        scaling: from `fit_scaling`.
    """
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel * scaling.stretch, bias * scaling.stretch + scaling.shift])


def unsure_band(probabilities: Numbers, masked: Flags) -> Band:
    """Find the unsure band by the criterion above.

    Args:
        probabilities: calibrated on other faces than these, 0..1.
        masked: whether each of them wears a mask; both kinds must be there.
    """
    wrong = (probabilities >= THRESHOLD) != masked
    for half in np.arange(0.0, WIDEST + STEP / 2, STEP):
        low, high = round(THRESHOLD - float(half), 2), round(THRESHOLD + float(half), 2)
        sure = (probabilities <= low) | (probabilities >= high)
        share = float(np.mean([_wrong(wrong[sure & side]) for side in (masked, ~masked)]))
        band = Band(low, high, share)
        if band.met:
            break
    return band


def _wrong(wrong: Flags) -> float:
    """The share of wrong faces of a class, one more counted than there are."""
    return float((wrong.sum() + 1) / (len(wrong) + 1))


def _folds(masked: Flags, groups: NDArray[np.str_], seed: int) -> tuple[NDArray[np.intp], int]:
    """Deal the groups to folds so that there are faces of both classes outside of each.

    Returns:
        The fold of each face, and the number of folds: FOLDS, or as many groups as have faces of
        the rarer class.
    """
    names, numbers = np.unique(groups, return_inverse=True)
    has_masked = np.bincount(numbers, weights=masked) > 0
    has_bare = np.bincount(numbers, weights=~masked) > 0
    number = min(FOLDS, int(has_masked.sum()), int(has_bare.sum()))
    # Those with masked faces only, then the mixed, then those with bare faces only: dealt in this
    # order, each class comes round to every fold.
    kind = has_bare.astype(int) - has_masked.astype(int)
    order = np.lexsort((np.random.default_rng(seed).random(len(names)), kind))
    of_group = np.zeros(len(names), np.intp)
    of_group[order] = np.arange(len(names)) % max(number, 1)
    return of_group[numbers], number


def _logits(probabilities: Numbers) -> Numbers:
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float64)
