"""Keras to TFLite, and how far the result is from where it came from."""

from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from edge.vision.runtime import open_model

TfliteForm = Literal["float32", "dynamic"]
"""Forms that need no calibration pictures."""


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
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        # tflite-runtime 2.14 has no per-channel dense layers (FULLY_CONNECTED version 12).
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    content: bytes = converter.convert()
    return content


def largest_difference(model: keras.Model, content: bytes, pictures: int = 8) -> float:
    """Largest difference of an output between Keras and TFLite, on random pictures.

    Args:
        model: the Keras model, input of fixed shape in about -1..1.
        content: the .tflite file made of it.
        pictures: how many are tried.
    """
    interpreter = open_model(content, model.name)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    result = interpreter.get_output_details()[0]["index"]
    random = np.random.default_rng(0)
    worst = 0.0
    for _ in range(pictures):
        picture = random.uniform(-1, 1, model.input_shape).astype(np.float32)
        interpreter.set_tensor(source, picture)
        interpreter.invoke()
        expected = np.asarray(model(picture))
        worst = max(worst, float(np.abs(interpreter.get_tensor(result) - expected).max()))
    return worst
