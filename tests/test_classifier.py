import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.bundle import MODELS, load_bundle
from edge.config import Classifier as Settings
from edge.demo.portraits import COLLINS, HOPPER, find_photo
from edge.errors import MaskGateError
from edge.sources.pictures import read_picture
from edge.values import Box
from edge.vision.classifier import Classifier


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy of the default bundle, to be damaged."""
    return Path(shutil.copytree(MODELS / "compact", tmp_path / "compact"))


def change(bundle: Path, **fields: Any) -> None:
    path = bundle / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_two_bare_faces_are_bare() -> None:
    classifier = Classifier(load_bundle(MODELS / "compact"), Settings())
    for portrait in (COLLINS, HOPPER):
        probabilities = classifier.classify(read_picture(find_photo(portrait)), portrait.box)
        assert sum(probabilities) == pytest.approx(1)
        assert (classifier.vote(probabilities) or ("unsure",))[0] == "face_no_mask"


def test_a_box_partly_outside_the_frame_is_classified() -> None:
    classifier = Classifier(load_bundle(MODELS / "compact"), Settings())
    pixels = np.full((100, 100, 3), 128, np.uint8)
    assert len(classifier.classify(pixels, Box(-40, -40, 20, 20))) == 2


@pytest.mark.parametrize(
    ("probability", "vote", "label"),
    [
        (0.0, "bare", "bare"),
        (0.3, "bare", "bare"),
        (0.31, None, "bare"),
        (0.5, None, "masked"),
        (0.79, None, "masked"),
        (0.8, "masked", "masked"),
        (1.0, "masked", "masked"),
    ],
)
def test_probabilities_in_the_unsure_band_are_no_vote(
    bundle: Path, probability: float, vote: str | None, label: str
) -> None:
    change(bundle, labels=["masked", "bare"], threshold=0.5, unsure=[0.3, 0.8])
    classifier = Classifier(load_bundle(bundle), Settings())
    probabilities = (probability, 1 - probability)
    score = probability if label == "masked" else 1 - probability
    assert classifier.vote(probabilities) == (vote and (vote, score))
    assert classifier.label(probabilities) == (label, score)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"schema": 2}, "has schema 2, expected 1; update maskgate"),
        ({"task": "face-detection"}, "expected a mask-classification bundle"),
        ({"unsure": [0.9, 0.1]}, "unsure band"),
        ({"threshold": None}, "expected a threshold"),
        ({"labels": ["a", "b", "c"]}, "names 3 labels, the net has 1 outputs"),
        (
            {"labels": ["a", "a"]},
            "found mask-classification with ['a', 'a']",
        ),
        ({"surprise": 1}, "surprise"),
        ({"default_form": "dynamic"}, "no classifier in form dynamic; it holds classifier uint8"),
        ({"name": 3}, "manifest.json, name"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    bundle: Path, fields: dict[str, Any], expected: str
) -> None:
    change(bundle, **fields)
    with pytest.raises(MaskGateError) as caught:
        Classifier(load_bundle(bundle), Settings())
    assert expected in str(caught.value)
    assert str(bundle) in str(caught.value)


def test_a_size_that_the_net_does_not_take_is_refused(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    change(bundle, input={**manifest["input"], "width": 96, "height": 96})
    with pytest.raises(MaskGateError, match="the net takes"):
        Classifier(load_bundle(bundle), Settings())


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda content: content[:-1], "it was cut short"),
        (lambda content: content[:-1] + b"!", "it was altered"),
    ],
)
def test_a_damaged_model_is_refused(bundle: Path, damage: Any, expected: str) -> None:
    path = bundle / "classifier.uint8.tflite"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(MaskGateError, match=expected):
        Classifier(load_bundle(bundle), Settings())


@pytest.mark.parametrize("path", ["../x.tflite", "/etc/passwd", "a/../../x", "..\\x"])
def test_a_path_out_of_the_bundle_is_refused(bundle: Path, path: str) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    change(bundle, files=[{**manifest["files"][0], "path": path}])
    with pytest.raises(MaskGateError, match="leaves the bundle"):
        load_bundle(bundle)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MaskGateError, match=r"cannot read manifest\.json"):
        load_bundle(tmp_path)
