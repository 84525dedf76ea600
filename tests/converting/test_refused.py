"""What cannot be converted is refused by its name, and nothing of a bundle is left."""

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
from keras import layers

from convert.tflite import to_tflite
from edge.errors import MaskGateError
from tests.converting.brightness import SIDE, brightness_model, convert, faces, refusal, write_run
from train.data.annotations import LABELS

pytestmark = pytest.mark.timeout(240)


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
