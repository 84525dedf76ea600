"""What conversion says of the GPU, found out by compiling for one in software."""

from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers

from edge.bundle import load_bundle
from tests.accelerators import gpu_in_software
from tests.converting.brightness import SIDE, brightness_model, convert, faces, write_run

pytestmark = [pytest.mark.timeout(240), pytest.mark.usefixtures("gpu")]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu_in_software(monkeypatch)


def on_gpu(run: Path) -> tuple[dict[str, Any], str]:
    """What the manifest and the page say of it."""
    out = run.parent / "bundle"
    done = convert(run, out, "--form", "float16")
    assert done.exit_code == 0, done.output
    page = (run.parent / "bundle.verification.html").read_text()
    return load_bundle(out).manifest.measured["conversion"]["gpu"], page


def test_a_form_made_for_gpus_is_compiled_for_one_and_compared(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", brightness_model(), *faces(20, 90, 165))
    found, page = on_gpu(run)
    assert found["whole"]
    assert found["largest_difference"] < 0.01
    assert "All of float16 runs on the GPU, and agrees with the CPU" in page


def test_an_operation_that_the_gpu_lacks_is_named(tmp_path: Path) -> None:
    import tensorflow as tf

    @keras.saving.register_keras_serializable("tests")
    class Spectrum(layers.Layer):
        def call(self, x: Any) -> Any:
            return x + 1e-9 * tf.reduce_mean(tf.abs(tf.signal.rfft(x, [4])))

    pixels = keras.Input((SIDE, SIDE, 3))
    x = layers.GlobalAveragePooling2D()(pixels)
    model = keras.Model(pixels, layers.Dense(1, activation="sigmoid")(Spectrum()(x)), name="odd")
    found, page = on_gpu(write_run(tmp_path / "run", model, *faces(20, 90, 165)))
    assert not found["whole"]
    assert "RFFT2D: Operation is not supported." in found["left_to_the_cpu"]
    assert "<code>RFFT2D: Operation is not supported.</code>" in page
