"""Keras to TFLite, in every form that a device may want."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.lite.python.convert_phase import ConverterError

from edge.bundle import Form
from edge.errors import MaskGateError

FORMS: tuple[Form, ...] = ("float32", "float16", "dynamic", "int8", "uint8")
"""float16: float32 in and out, weights of half the size, made for GPUs. dynamic: int8 weights,
activations quantised while it runs. int8: int8 throughout, float32 in and out. uint8: the same,
uint8 in and out, so that the device hands over a picture as it is."""
CALIBRATED = ("int8", "uint8")
"""Forms whose ranges come from examples."""
_LACKING = re.compile(r"(?:Custom|Flex|TF Select) ops: (.+)")
"""How the converter lists the operations that TFLite has no kernel for."""

Inputs = NDArray[np.float32]
"""What a model is given: count x height x width x channels."""


def to_tflite(model: keras.Model, form: Form, examples: Inputs | None = None) -> bytes:
    """Convert a Keras model.

    Args:
        model: one input, one output. An open batch becomes one of 1.
        form: see FORMS.
        examples: inputs as the device will give them; int8 and uint8 take their ranges from them.

    Returns:
        The .tflite file, for LiteRT and for tflite-runtime 2.14.

    Raises:
        MaskGateError: TFLite lacks an operation of the model, or there are no examples to
            calibrate with, or they do not fit the model; or there is no room for it.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="maskgate-convert-") as folder, _quiet():
            fixed = _fixed(model)
            # Named, or Keras would open the batch again.
            signature = [tf.TensorSpec(fixed.input_shape, tf.float32)]
            fixed.export(folder, input_signature=signature, verbose=False)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            _set_form(converter, model, form, examples)
            content: bytes = converter.convert()
    except ConverterError as error:
        raise _refusal(model, form, str(error)) from error
    except (OSError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[-200:]
        raise MaskGateError(
            f"model {model.name}: it cannot be converted to {form}, which takes room for "
            f"temporary files ({reason}); free some space, or let TMPDIR name another folder"
        ) from error
    return content


def _set_form(converter: Any, model: keras.Model, form: Form, examples: Inputs | None) -> None:
    if form != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        # tflite-runtime 2.14 has no per-channel dense layers (FULLY_CONNECTED version 12).
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    if form == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if form in CALIBRATED:
        given = _require_examples(model, form, examples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: _one_by_one(given)
    if form == "uint8":
        converter.inference_input_type = converter.inference_output_type = tf.uint8


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the converter's chatter off the terminal: it writes past Python's own streams."""
    kept = [os.dup(number) for number in (1, 2)]
    try:
        with Path(os.devnull).open("wb") as nowhere:
            for number in (1, 2):
                os.dup2(nowhere.fileno(), number)
            yield
    finally:
        for number, own in zip((1, 2), kept, strict=True):
            os.dup2(own, number)
            os.close(own)


def face_examples(faces: NDArray[np.uint8]) -> Inputs:
    """Make examples of faces, for a model that takes pixels 0..255.

    Args:
        faces: faces x height x width x 3, RGB.

    Returns:
        A picture of black and white first, so that the input's range is exactly 0..255 and a pixel
        is its own code; then the faces. Nothing where there are no faces.
    """
    if not len(faces):
        return faces.astype(np.float32)
    extremes = np.zeros((1, *faces.shape[1:]), np.float32)
    extremes[:, ::2] = 255
    return np.concatenate([extremes, faces.astype(np.float32)])


def _fixed(model: keras.Model) -> keras.Model:
    """The model with a batch of one: the GPU refuses shapes that are open."""
    if model.input_shape[0] is not None:
        return model
    one = keras.Input(batch_shape=(1, *model.input_shape[1:]))
    return keras.Model(one, model(one), name=model.name)


def _require_examples(model: keras.Model, form: Form, examples: Inputs | None) -> Inputs:
    if examples is None or not len(examples):
        raise MaskGateError(
            f"model {model.name}: expected examples to calibrate {form} with, found none; convert "
            "to another form, or train again on a data set with faces"
        )
    if examples.shape[1:] != model.input_shape[1:]:
        raise MaskGateError(
            f"model {model.name}: expected examples of {model.input_shape[1:]}, found "
            f"{examples.shape[1:]}; they belong to another model"
        )
    return examples


def _one_by_one(examples: Inputs) -> Iterator[list[NDArray[Any]]]:
    for example in examples:
        yield [example[np.newaxis]]


def _refusal(model: keras.Model, form: Form, said: str) -> MaskGateError:
    lacking = sorted({name for names in _LACKING.findall(said) for name in names.split(", ")})
    if lacking:
        reason = f"TFLite has no {', '.join(lacking)}; build it of layers that TFLite knows"
    else:
        reason = " ".join(said.split())[:300]
    return MaskGateError(f"model {model.name}: it cannot be converted to {form} ({reason})")
