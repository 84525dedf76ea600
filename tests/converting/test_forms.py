"""Every form of a converted classifier says what Keras says, or is not the default."""

from pathlib import Path

import numpy as np
import pytest

from convert.tflite import FORMS, face_examples, to_tflite
from edge.bundle import Form, load_bundle
from edge.errors import MaskGateError
from edge.runtime.model import open_model
from tests.converting.brightness import SIDE, brightness_model, convert, faces, refusal

pytestmark = pytest.mark.timeout(240)


TOLERANCE = {"float32": 1e-5, "float16": 0.01, "dynamic": 0.03, "int8": 0.05, "uint8": 0.05}
"""Of the probability."""


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_what_keras_says(bundle: Path, form: Form) -> None:
    shown, _ = faces(6, 90, 165)
    expected = brightness_model().predict(shown, verbose=0)[:, 0]
    model = open_model(load_bundle(bundle).model("classifier", form), form)
    for face, probability in zip(shown, expected, strict=True):
        model.room()[...] = face
        found = float(model.taken.values(model.run())[0])
        assert found == pytest.approx(probability, abs=TOLERANCE[form])


@pytest.mark.parametrize("form", FORMS)
def test_only_uint8_takes_the_picture_as_it_is(bundle: Path, form: Form) -> None:
    model = open_model(load_bundle(bundle).model("classifier", form), form)
    assert model.given.shape == (1, SIDE, SIDE, 3)
    if form == "uint8":
        assert model.given.dtype == np.uint8
        assert (model.given.scale, model.given.zero) == (1.0, 0)
    else:
        assert model.given.dtype == model.taken.dtype == np.float32


def test_the_manifest_says_what_each_form_kept(bundle: Path) -> None:
    manifest = load_bundle(bundle).manifest
    assert manifest.default_form == "uint8"
    conversion = manifest.measured["conversion"]
    assert conversion["reference"] == {"name": "Keras", "accuracy": 1.0, "balanced_accuracy": 1.0}
    assert set(conversion["forms"]) == set(FORMS)
    for runtimes in conversion["forms"].values():
        (found,) = runtimes.values()
        assert found["labels_changed"] == 0
        assert set(found["milliseconds"]) == {"1", "2", "4"}


def test_the_page_shows_every_form_and_what_was_not_verified(bundle: Path) -> None:
    page = (bundle.parent / "bundle.verification.html").read_text()
    assert all(f'<th scope="row">{form}</th>' in page for form in FORMS)
    assert "tflite-runtime 2.14: not verified" in page
    assert "None, in no form." in page


def test_a_form_that_loses_accuracy_is_not_the_default_and_the_page_says_why(
    fragile: Path,
) -> None:
    out = fragile.parent / "careful"
    done = convert(fragile, out, "--form", "uint8", "--form", "float16")
    assert done.exit_code == 0, done.output
    assert load_bundle(out).manifest.default_form == "float16"
    page = (fragile.parent / "careful.verification.html").read_text()
    assert "uint8 is not the default form:" in page
    assert "points of accuracy under" in page
    assert "Faces whose label changed" in page
    assert "became" in page


def test_where_all_forms_lose_too_much_there_is_no_bundle(fragile: Path) -> None:
    out = fragile.parent / "none"
    said = refusal(convert(fragile, out, "--form", "uint8"), out)
    assert "no form keeps what the model knew" in said
    assert "--allow-loss" in said


def test_a_loss_can_be_accepted(fragile: Path) -> None:
    out = fragile.parent / "careless"
    done = convert(fragile, out, "--form", "uint8", "--allow-loss")
    assert done.exit_code == 0, done.output
    assert load_bundle(out).manifest.default_form == "uint8"


def test_the_converter_says_nothing_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    to_tflite(brightness_model(), "uint8", face_examples(faces(4, 20, 230)[0]))
    said = capfd.readouterr()
    assert "Saved artifact" not in said.out
    assert "quantize" not in said.err


def test_examples_hold_black_and_white_so_that_a_pixel_is_its_own_code() -> None:
    grey = np.full((2, 4, 4, 3), 128, np.uint8)
    examples = face_examples(grey)
    assert (examples.min(), examples.max()) == (0, 255)
    assert (examples[1:] == 128).all()


def test_a_model_without_examples_is_not_calibrated() -> None:
    with pytest.raises(MaskGateError, match="expected examples to calibrate uint8 with"):
        to_tflite(brightness_model(), "uint8", None)
