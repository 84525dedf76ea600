"""Conversion of a classifier: small models that the tests make, real converter and runtime."""

import io
import json
import resource
import shutil
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner, Result
from keras import layers

from convert.cli import main
from convert.tflite import FORMS, face_examples, to_tflite
from edge.bundle import Form, load_bundle
from edge.errors import MaskGateError
from edge.runtime.model import open_model
from train.data.annotations import LABELS

pytestmark = pytest.mark.timeout(240)

SIDE = 24
TOLERANCE = {"float32": 1e-5, "float16": 0.01, "dynamic": 0.03, "int8": 0.05, "uint8": 0.05}
"""Of the probability."""


def brightness_model(gain: float = 12.0, threshold: float = 127.5) -> keras.Model:
    """Says that a face wears a mask if it is brighter than the threshold."""
    pixels = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", use_bias=False)(pixels)
    # A Flatten, for with an open batch it would make every shape after it unknown.
    x = layers.Flatten()(layers.AveragePooling2D(SIDE)(x))
    model = keras.Model(pixels, layers.Dense(1, activation="sigmoid")(x), name="brightness")
    kernel = np.zeros((3, 3, 3, 4), np.float32)
    kernel[1, 1] = 1 / 3
    share = gain / 255
    model.layers[1].set_weights([kernel])
    model.layers[-1].set_weights([np.full((4, 1), share / 4), np.array([-share * threshold])])
    return model


def faces(count: int, dark: float, light: float) -> tuple[np.ndarray, np.ndarray]:
    """Faces of one shade each, half of them dark and bare, half light and masked."""
    rng = np.random.default_rng(0)
    masked = np.arange(count) % 2 == 1
    shades = np.where(masked, light, dark)[:, None, None, None]
    spread = rng.uniform(0, 1, (count, SIDE, SIDE, 3))
    return np.floor(shades + spread).astype(np.uint8), masked


def write_run(
    folder: Path,
    model: keras.Model,
    pictures: np.ndarray,
    masked: np.ndarray,
    others: dict[str, np.ndarray] | None = None,
) -> Path:
    folder.mkdir()
    model.save(folder / "model.keras")
    recipe = {
        "model": "brightness",
        "labels": LABELS,
        "size": SIDE,
        "margin": 0.0,
        "threshold": 0.5,
        "unsure": [0.4, 0.6],
    }
    (folder / "recipe.json").write_text(json.dumps(recipe))
    (folder / "metrics.json").write_text(json.dumps({"validation": {"faces": len(masked)}}))
    given = {"calibration": pictures, "validation": pictures, "masked": masked, **(others or {})}
    np.savez(folder / "faces.npz", **given)
    return folder


def convert(run: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["model", str(run), "--out", str(out), *options])


def refusal(done: Result, out: Path) -> str:
    """The one line that a refused conversion ends with; nothing of a bundle is left."""
    assert done.exit_code == 2, done.output
    assert not list(out.parent.glob(f"*{out.name}*"))
    return done.stderr.splitlines()[-1]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "brightness"
    return write_run(folder, brightness_model(), *faces(40, 20, 230))


@pytest.fixture(scope="module")
def bundle(run: Path) -> Path:
    out = run.parent / "bundle"
    done = convert(run, out)
    assert done.exit_code == 0, done.output
    return out


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


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose model tells shades apart that int8 takes for one."""
    shown, masked = faces(40, 99.05, 99.35)
    middle = float(shown.mean())
    folder = tmp_path_factory.mktemp("runs") / "fragile"
    return write_run(folder, brightness_model(20_000, middle), shown, masked)


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


@pytest.mark.parametrize("lacking", ["Betainc", "FFT2D"])
def test_a_model_with_an_operation_that_tflite_lacks_is_refused_by_its_name(
    tmp_path: Path, lacking: str
) -> None:
    import tensorflow as tf

    @keras.saving.register_keras_serializable("tests", lacking)
    class Odd(layers.Layer):
        def call(self, x: Any) -> Any:
            if lacking == "FFT2D":
                return tf.math.real(tf.signal.fft2d(tf.cast(x, tf.complex64)))
            share = (x + 1) / 300
            return tf.math.betainc(share, share, share)

    pixels = keras.Input((SIDE, SIDE, 3))
    x = layers.GlobalAveragePooling2D()(Odd()(pixels))
    model = keras.Model(pixels, layers.Dense(1, activation="sigmoid")(x), name="odd")
    write_run(tmp_path / "run", model, *faces(4, 20, 230))
    said = refusal(convert(tmp_path / "run", tmp_path / "out"), tmp_path / "out")
    assert "TFLite has no " in said
    assert lacking in said.partition("TFLite has no ")[2]


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        (
            {"calibration": np.zeros((0, SIDE, SIDE, 3), np.uint8)},
            "expected examples to calibrate int8 with, found none",
        ),
        (
            {"calibration": np.zeros((4, 32, 32, 3), np.uint8)},
            "faces.npz: calibration: expected uint8 (24, 24, 3), found uint8 (32, 32, 3)",
        ),
        (
            {"validation": np.zeros((0, SIDE, SIDE, 3), np.uint8), "masked": np.zeros(0, bool)},
            "at least one, found 0 for 0",
        ),
        ({"masked": np.zeros(3, bool)}, "found 3 for 4"),
        ({"masked": np.zeros(4)}, "masked: expected yes or no for each face, found float64 (4,)"),
        ({"masked": np.array(["a", "b", "a", "b"])}, "expected yes or no for each face, found <U1"),
        ({"masked": np.array([{}] * 4)}, "faces.npz: Object arrays cannot be loaded"),
    ],
)
def test_faces_that_do_not_do_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], expected: str
) -> None:
    write_run(tmp_path / "run", brightness_model(), *faces(4, 20, 230), arrays)
    done = convert(tmp_path / "run", tmp_path / "out", "--form", "int8")
    assert expected in refusal(done, tmp_path / "out")


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"margin": "a"}, "recipe.json, margin: Input should be a valid number, found 'a'"),
        ({"margin": 10**9}, "recipe.json, margin: Input should be less than or equal to 2"),
        ({"unsure": [0.6, 0.4]}, "threshold between the two ends of the unsure band"),
        ({"threshold": float("nan")}, "recipe.json: expected numbers, found NaN"),
        ({"size": True}, "recipe.json, size: Input should be a valid integer, found True"),
        ({"size": 10**9}, "calibration: expected uint8 (1000000000, 1000000000, 3), found"),
        ({"labels": LABELS[::-1]}, "expected the labels face_with_mask, face_no_mask"),
        ({"model": "../x"}, "recipe.json, model: String should match pattern"),
    ],
)
def test_a_recipe_that_does_not_do_is_refused_before_work_is_done(
    run: Path, tmp_path: Path, part: dict[str, Any], expected: str
) -> None:
    changed = shutil.copytree(run, tmp_path / "run")
    recipe = json.loads((run / "recipe.json").read_text())
    (changed / "recipe.json").write_text(json.dumps(recipe | part))
    done = convert(changed, tmp_path / "out")
    assert expected in refusal(done, tmp_path / "out")
    assert "converting" not in done.stderr


@pytest.mark.parametrize("name", ["faces.npz", "model.keras"])
@pytest.mark.parametrize("part", [0, 0.3, 0.9])
def test_files_that_are_cut_short_are_refused_by_their_name(
    run: Path, tmp_path: Path, name: str, part: float
) -> None:
    changed = shutil.copytree(run, tmp_path / "run")
    content = (run / name).read_bytes()
    (changed / name).write_bytes(content[: int(len(content) * part)])
    said = refusal(convert(changed, tmp_path / "out"), tmp_path / "out")
    assert f"found: {name}: " in said
    assert "File not found" not in said


def test_a_file_that_claims_more_faces_than_memory_holds_is_refused(
    run: Path, tmp_path: Path
) -> None:
    changed = shutil.copytree(run, tmp_path / "run")
    head = io.BytesIO()
    claim = {"descr": "|u1", "fortran_order": False, "shape": (10**11, SIDE, SIDE, 3)}
    np.lib.format.write_array_header_1_0(head, claim)
    with zipfile.ZipFile(changed / "faces.npz", "w") as archive:
        for name in ("calibration", "validation", "masked"):
            archive.writestr(f"{name}.npy", head.getvalue())
    assert "faces.npz: " in refusal(convert(changed, tmp_path / "out"), tmp_path / "out")


@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (keras.Sequential([layers.Dense(1)]), "model.keras: Sequential model"),
        (brightness_model(gain=float("nan")), "for each validation face, found nan to nan"),
        (
            keras.Sequential([keras.Input((32, 32, 3)), layers.Flatten(), layers.Dense(1)]),
            "recipe.json says 24x24 pixels and one probability, the model takes (32, 32, 3)",
        ),
    ],
)
def test_a_model_that_does_not_do_is_refused(
    tmp_path: Path, model: keras.Model, expected: str
) -> None:
    write_run(tmp_path / "run", model, *faces(4, 20, 230))
    assert expected in refusal(convert(tmp_path / "run", tmp_path / "out"), tmp_path / "out")


@pytest.mark.parametrize("name", ["recipe.json", "metrics.json"])
@pytest.mark.parametrize("text", ["{", "[]", "{}", "[" * 100_000, '{"validation": NaN}'])
def test_figures_that_do_not_do_are_refused_by_the_name_of_their_file(
    run: Path, tmp_path: Path, name: str, text: str
) -> None:
    changed = shutil.copytree(run, tmp_path / "run")
    (changed / name).write_text(text)
    assert name in refusal(convert(changed, tmp_path / "out"), tmp_path / "out").split("found:")[1]


def test_a_runtime_that_is_not_there_is_refused_before_work_is_done(
    run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = refusal(convert(run, out, "--tflite-runtime", str(tmp_path / "python")), out)
    assert "found no file" in said
    assert "make .venv-legacy/ready" in said


def test_a_runtime_that_does_not_work_is_no_ground_for_a_default(run: Path, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho it is broken >&2\nexit 3\n")
    python.chmod(0o755)
    out = tmp_path / "out"
    done = convert(run, out, "--form", "float32", "--tflite-runtime", str(python))
    assert "float32: tflite-runtime refuses it" in refusal(done, out)
    assert "it is broken" in done.stderr


def test_the_converter_says_nothing_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    to_tflite(brightness_model(), "uint8", face_examples(faces(4, 20, 230)[0]))
    said = capfd.readouterr()
    assert "Saved artifact" not in said.out
    assert "quantize" not in said.err


def write_pictures(folder: Path, pictures: np.ndarray, masked: np.ndarray) -> Path:
    import cv2

    for number, (picture, is_masked) in enumerate(zip(pictures, masked, strict=True)):
        place = folder / LABELS[0 if is_masked else 1]
        place.mkdir(parents=True, exist_ok=True)
        # Large enough that what lies within its borders counts as a face to judge by.
        cv2.imwrite(str(place / f"{number}.png"), np.kron(picture, np.ones((2, 2, 1), np.uint8)))
    return folder


def verify(bundle: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.setenv("XDG_CACHE_HOME", str(data / "cache"))
    return CliRunner().invoke(main, ["verify", str(bundle), "--data", str(data)])


def test_a_bundle_is_verified_on_data_of_the_users(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_pictures(tmp_path / "data", *faces(12, 20, 230))
    done = verify(bundle, data, monkeypatch)
    assert done.exit_code == 0, done.output
    assert "uint8 under ai-edge-litert" in done.stderr
    assert "100.00% right" in done.stderr


def test_a_bundle_whose_default_form_loses_too_much_is_refused_when_verified(
    fragile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = fragile.parent / "lossy"
    both = ("--form", "uint8", "--form", "float32", "--allow-loss")
    assert convert(fragile, out, *both).exit_code == 0
    data = write_pictures(tmp_path / "data", *faces(40, 99.05, 99.35))
    done = verify(out, data, monkeypatch)
    assert done.exit_code == 2
    assert "its default form uint8: loses" in done.stderr.splitlines()[-1]
    assert (fragile.parent / "lossy.verification.html").exists()


def test_an_altered_bundle_is_not_verified(bundle: Path, tmp_path: Path) -> None:
    import shutil

    altered = Path(shutil.copytree(bundle, tmp_path / "altered"))
    file = altered / "classifier.int8.tflite"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    done = CliRunner().invoke(main, ["verify", str(altered), "--data", str(tmp_path)])
    assert done.exit_code == 2
    assert "its SHA-256 differs from the manifest's" in done.stderr


def test_examples_hold_black_and_white_so_that_a_pixel_is_its_own_code() -> None:
    grey = np.full((2, 4, 4, 3), 128, np.uint8)
    examples = face_examples(grey)
    assert (examples.min(), examples.max()) == (0, 255)
    assert (examples[1:] == 128).all()


def test_a_model_without_examples_is_not_calibrated() -> None:
    with pytest.raises(MaskGateError, match="expected examples to calibrate uint8 with"):
        to_tflite(brightness_model(), "uint8", None)


def test_where_the_disk_is_full_conversion_says_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        with pytest.raises(MaskGateError, match=r"to float32.*File too large.*free some space"):
            to_tflite(brightness_model(), "float32")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())
