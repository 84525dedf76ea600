"""The figures of a model, on faces whose answers are known."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from edge.errors import MaskGateError
from edge.values import Box
from train.data.annotations import BARE, MASKED
from train.judging.metrics import calibration_error, figures, measure, reliability, wilson
from train.judging.predictions import Prediction, read_predictions, write_predictions


def face(
    label: str, probability: float, size: float = 50, collection: str = "a", threshold: float = 0.5
) -> Prediction:
    predicted = MASKED if probability >= threshold else BARE
    box = Box(10, 20, 10 + size, 20 + size / 2)
    return Prediction("1.jpg", box, label, probability, predicted, collection, "photo 1")


def faces(masked_right: int, masked_wrong: int, bare_right: int, bare_wrong: int) -> list:
    return [
        *[face(MASKED, 0.9)] * masked_right,
        *[face(MASKED, 0.2)] * masked_wrong,
        *[face(BARE, 0.1)] * bare_right,
        *[face(BARE, 0.8)] * bare_wrong,
    ]


def test_the_labels_are_the_right_way_round() -> None:
    """Of 10 masked faces 8 are found; of 5 bare ones 2 are: no class may get the other's row."""
    found = measure(faces(8, 2, 2, 3), [], (0.5, 0.5))
    assert found["classes"] == {
        MASKED: {"precision": 0.7273, "recall": 0.8, "f1": 0.7619, "faces": 10},
        BARE: {"precision": 0.5, "recall": 0.4, "f1": 0.4444, "faces": 5},
    }
    assert found["confusion"] == {
        MASKED: {MASKED: 8, BARE: 2},
        BARE: {MASKED: 3, BARE: 2},
    }
    validation = found["validation"]
    assert (validation["recall_masked"], validation["recall_bare"]) == (0.8, 0.4)
    assert validation["accuracy"] == round(10 / 15, 4)
    assert validation["balanced_accuracy"] == 0.6
    assert validation["faces"] == 15


def test_probability_means_masked() -> None:
    """A model that says what is true ranks all masked faces above all bare ones."""
    good = figures([face(MASKED, 0.9), face(MASKED, 0.7), face(BARE, 0.2)], (0.5, 0.5))
    assert (good["roc_auc"], good["average_precision_masked"]) == (1, 1)
    assert good["average_precision_bare"] == 1
    flipped = figures([face(MASKED, 0.1), face(BARE, 0.9)], (0.5, 0.5))
    assert flipped["roc_auc"] == 0


def test_small_faces_count_apart() -> None:
    labelled = [face(MASKED, 0.9, size=20), face(BARE, 0.1, size=64), face(BARE, 0.9, size=19.9)]
    found = measure(labelled, [face(BARE, 0.9, size=12)], (0.5, 0.5))
    assert found["validation"]["accuracy"] == 1
    assert found["detected"] is None
    sizes = {name: (one["faces"], one["accuracy"]) for name, one in found["by_size"].items()}
    assert sizes == {"14-20": (1, 0), "20-28": (1, 1), "64+": (1, 1)}
    assert list(found["by_size"]) == ["14-20", "20-28", "64+"]


def test_collections_are_told_apart() -> None:
    labelled = [face(MASKED, 0.9, collection="b"), face(BARE, 0.9, collection="a")]
    found = measure(labelled, [], (0.5, 0.5))["by_collection"]
    assert {name: one["accuracy"] for name, one in found.items()} == {"a": 0, "b": 1}


def test_the_unsure_band_takes_out_what_lies_strictly_within() -> None:
    rows = [face(MASKED, p) for p in (0.2, 0.21, 0.4, 0.79, 0.8, 0.95)]
    found = figures(rows, (0.2, 0.8))
    assert found["unsure_share"] == 0.5
    assert found["accuracy_sure"] == round(2 / 3, 4)
    assert figures([face(MASKED, 0.5)], (0.2, 0.8))["accuracy_sure"] is None


def test_one_class_alone_has_figures_and_no_made_up_ones() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure([face(MASKED, 0.9), face(MASKED, 0.4)], [], (0.5, 0.5))
    validation = found["validation"]
    assert (validation["accuracy"], validation["recall_masked"]) == (0.5, 0.5)
    for key in ("recall_bare", "balanced_accuracy", "roc_auc", "average_precision_bare"):
        assert validation[key] is None
    assert measure([], [], (0.5, 0.5))["validation"] is None


@pytest.mark.parametrize(("right", "of"), [(0, 7), (7, 7), (1, 2), (94, 100), (990, 1000)])
def test_the_interval_is_wilsons(right: int, of: int) -> None:
    expected = binomtest(right, of).proportion_ci(0.95, method="wilson")
    assert wilson(right, of) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_the_calibration_error_weighs_both_classes_alike() -> None:
    """Of 100 masked faces at 0.75 and 10 bare ones, 5 of them at 0.75: 2 of 3 by weight."""
    probabilities = np.array([0.75] * 100 + [0.75] * 5 + [0.05] * 5)
    masked = np.array([True] * 100 + [False] * 10)
    low, high = reliability(probabilities, masked)
    assert (low.faces, high.faces) == (5, 105)
    assert (low.masked, low.weight) == pytest.approx((0, 0.25))
    assert high.masked == pytest.approx(2 / 3)
    expected = 0.25 * 0.05 + 0.75 * (0.75 - 2 / 3)
    assert calibration_error(probabilities, masked) == pytest.approx(expected)


def test_predictions_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Within the digits of the table; x1, x2, y1, y2 hold left, top, right, bottom."""
    rows = [face(MASKED, 0.25), face(BARE, 1.0)]
    write_predictions(tmp_path / "p.csv", rows)
    header, first, _ = (tmp_path / "p.csv").read_text().splitlines()
    assert header == (
        "name,x1,x2,y1,y2,classname,probability,predicted,size,collection,group,uncalibrated"
    )
    assert first == ("1.jpg,10,20,60,45.0,face_with_mask,0.250000,face_no_mask,50,a,photo 1,")
    assert read_predictions(tmp_path / "p.csv") == rows


@pytest.mark.parametrize("content", [None, "name,x1\n1.jpg,2\n", b"\xff\xfe"])
def test_a_table_that_is_none_is_refused_in_one_line(tmp_path: Path, content: object) -> None:
    path = tmp_path / "predictions.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else str(content).encode())
    with pytest.raises(MaskGateError, match="expected a table with the columns") as caught:
        read_predictions(path)
    assert "\n" not in str(caught.value)
