"""Calibration and the decision: threshold and unsure band by a stated criterion."""

import keras
import numpy as np
import pytest
from keras import layers

from train.judging.calibrate import (
    FOLDS,
    TRUSTED,
    WIDEST,
    Scaling,
    cross_fit,
    fit_scaling,
    scale_model,
    unsure_band,
)
from train.judging.metrics import calibration_error


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def honest_model(faces: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits and truth of a model whose probabilities are true, both classes alike."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2.5, faces)
    return logits, rng.random(faces) < sigmoid(logits)


def test_an_over_confident_model_is_calibrated() -> None:
    """Three times too sure, and leaning to masked: the scaling takes both back."""
    logits, masked = honest_model(4000)
    boasting = sigmoid(3 * logits + 2)
    scaling = fit_scaling(boasting, masked, shift=True)
    # Where the classes are not quite alike in number, their weighting shifts the rest.
    assert scaling.stretch == pytest.approx(1 / 3, rel=0.08)
    assert scaling.shift == pytest.approx(-2 / 3, abs=0.15)
    groups = np.arange(4000).astype(str)
    calibrated, folds = cross_fit(boasting, masked, groups, seed=1, shift=True)
    assert folds == FOLDS
    assert calibration_error(boasting, masked) > 0.1
    assert calibration_error(calibrated, masked) < 0.02


def test_a_model_that_was_shown_both_classes_alike_keeps_its_middle() -> None:
    """Wrong bare faces, by accident, must not make all others look more masked."""
    logits, masked = honest_model(4000)
    surer = sigmoid(3 * logits)
    wrong = ~masked & (np.arange(4000) % 10 == 0)
    surer[wrong] = 1 - surer[wrong]
    scaling = fit_scaling(surer, masked, shift=False)
    assert scaling.shift == 0
    assert 0 < scaling.stretch < 1 / 3
    assert fit_scaling(surer, masked, shift=True).shift < -0.05


def test_more_masked_faces_than_bare_do_not_move_the_threshold() -> None:
    """The same faces with only every tenth bare one left: 0.5 stays where it was."""
    logits, masked = honest_model(20_000)
    few = masked | (np.arange(20_000) % 10 == 0)
    scaling = fit_scaling(sigmoid(logits[few]), masked[few], shift=True)
    assert (scaling.stretch, scaling.shift) == pytest.approx((1, 0), abs=0.12)


def test_a_model_worse_than_chance_keeps_its_labels() -> None:
    logits, masked = honest_model(400)
    assert fit_scaling(sigmoid(-logits), masked, shift=True) == Scaling(1, 0)


def test_classes_told_apart_without_error_do_not_stretch_without_end() -> None:
    probabilities = np.array([0.1, 0.2, 0.8, 0.9])
    masked = np.array([False, False, True, True])
    calibrated = fit_scaling(probabilities, masked, shift=True)(probabilities)
    # Platt's targets for two faces of a class are 1/4 and 3/4.
    assert calibrated == pytest.approx([0.2, 0.3, 0.7, 0.8], abs=0.06)


def test_a_face_is_calibrated_without_its_group() -> None:
    """One group is labelled the wrong way round: its own labels must not soften its scores."""
    logits, masked = honest_model(300)
    groups = (np.arange(300) // 10).astype(str)
    probabilities = sigmoid(logits)
    before, _ = cross_fit(probabilities, masked, groups, seed=1, shift=True)
    odd = groups == "7"
    after, _ = cross_fit(probabilities, masked ^ odd, groups, seed=1, shift=True)
    same_fold = np.isclose(before, after)
    assert same_fold[odd].all()
    assert 0.5 < 1 - same_fold.mean() < 0.9


def test_too_few_groups_to_cross_fit_says_so() -> None:
    probabilities, masked = np.array([0.2, 0.6, 0.7]), np.array([False, True, True])
    groups = np.array(["a", "b", "c"])
    calibrated, folds = cross_fit(probabilities, masked, groups, seed=0, shift=True)
    assert folds == 0
    assert calibrated == pytest.approx(
        fit_scaling(probabilities, masked, shift=True)(probabilities)
    )


def test_the_model_itself_gives_the_calibrated_probabilities() -> None:
    keras.utils.set_random_seed(1)
    last = layers.Dense(1, "sigmoid", bias_initializer="ones")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), last])
    faces = np.random.default_rng(2).normal(size=(20, 4)).astype(np.float32)
    scaling = Scaling(stretch=0.4, shift=-1.5)
    expected = scaling(model.predict(faces, verbose=0)[:, 0].astype(float))
    scale_model(model, scaling)
    assert model.predict(faces, verbose=0)[:, 0] == pytest.approx(expected, abs=1e-5)


def band_of(masked: dict[float, int], bare: dict[float, int]) -> object:
    """The band of so many faces at each probability."""
    probabilities = [p for p, count in {**masked}.items() for _ in range(count)]
    number = len(probabilities)
    probabilities += [p for p, count in bare.items() for _ in range(count)]
    return unsure_band(np.array(probabilities), np.arange(len(probabilities)) < number)


@pytest.mark.parametrize(
    ("masked", "bare", "expected"),
    [
        # No error in 2 x 300 faces: no band is needed.
        ({0.99: 300}, {0.01: 300}, (0.5, 0.5)),
        # Errors up to 0.3 and 0.72 are within the narrowest band that leaves few enough.
        ({0.99: 500, 0.3: 4}, {0.01: 500, 0.72: 4}, (0.27, 0.73)),
        # The one error left at 0.9 is no reason to widen: (1 + 1) / 501 and 1 / 501 average 0.3 %.
        ({0.99: 500}, {0.01: 500, 0.9: 1}, (0.5, 0.5)),
        # Wrong bare faces weigh as much as masked ones, though there are ten times more masked.
        ({0.99: 3000}, {0.01: 300, 0.6: 4}, (0.39, 0.61)),
    ],
)
def test_the_band_is_the_narrowest_that_meets_the_criterion(
    masked: dict[float, int], bare: dict[float, int], expected: tuple[float, float]
) -> None:
    band = band_of(masked, bare)
    assert (band.low, band.high) == expected
    assert band.met
    assert band.wrong <= 1 - TRUSTED


def test_a_small_set_without_errors_proves_nothing() -> None:
    band = band_of({0.99: 60}, {0.01: 60})
    assert (band.low, band.high) == pytest.approx((0.5 - WIDEST, 0.5 + WIDEST))
    assert not band.met
    assert band.wrong == pytest.approx(1 / 61)


def test_errors_that_no_band_takes_out_leave_the_widest_and_say_so() -> None:
    band = band_of({0.99: 500, 0.02: 20}, {0.01: 500})
    assert (band.low, band.high) == (0.1, 0.9)
    assert not band.met
