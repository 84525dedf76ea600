"""Keras to TFLite, and how far the result is from where it came from."""

from collections.abc import Iterator
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edge.runtime.model import open_model

TfliteForm = Literal["float32", "dynamic"]
"""Forms that need no calibration pictures."""
PICTURES = 8
"""Random pictures that a conversion is compared on."""
Faces = NDArray[np.uint8]
"""Faces of a model's size: faces x height x width x 3, RGB."""


def to_tflite(model: keras.Model, form: TfliteForm) -> bytes:
    """Convert a Keras model of fixed batch size.

    Args:
        model: one input, one output.
        form: "float32", or "dynamic": int8 weights, activations quantised while it runs.

    Returns:
        The .tflite file, for LiteRT and for tflite-runtime 2.14.
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if form == "dynamic":
        _quantise(converter)
    content: bytes = converter.convert()
    return content


def to_uint8(model: keras.Model, faces: Faces) -> bytes:
    """Convert to int8 with uint8 input and output, so that the device hands over pixels as is.

    Args:
        model: takes pixels 0..255, batch x height x width x 3.
        faces: to calibrate with.

    Returns:
        The .tflite file, for LiteRT and for tflite-runtime 2.14; takes one picture at a time.
    """
    fixed = keras.Input(batch_shape=(1, *model.input_shape[1:]))
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(fixed, model(fixed)))
    _quantise(converter)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    converter.representative_dataset = lambda: _representative(faces)
    content: bytes = converter.convert()
    return content


def _quantise(converter: Any) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    # tflite-runtime 2.14 has no per-channel dense layers (FULLY_CONNECTED version 12).
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True


def _representative(faces: Faces) -> Iterator[list[NDArray[np.float32]]]:
    # Black and white, so that the input's range is exactly 0..255 and a pixel is its own code.
    extremes = np.zeros((1, *faces.shape[1:]), np.float32)
    extremes[:, ::2] = 255
    yield [extremes]
    for face in faces:
        yield [face[np.newaxis].astype(np.float32)]


def largest_difference(model: keras.Model, content: bytes) -> float:
    """Largest difference of an output between Keras and TFLite, on random pictures.

    Args:
        model: the Keras model, input of fixed shape in about -1..1.
        content: the .tflite file made of it.
    """
    net = open_model(content, model.name)
    random = np.random.default_rng(0)
    worst = 0.0
    for _ in range(PICTURES):
        picture = random.uniform(-1, 1, model.input_shape).astype(np.float32)
        net.room()[...] = picture[0]
        expected = np.asarray(model(picture))
        worst = max(worst, float(np.abs(net.run() - expected[0]).max()))
    return worst
