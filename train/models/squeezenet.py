"""SqueezeNet 1.1, which keras.applications lacks: pretrained features of 3 MB.

Iandola et al., 2016, arXiv:1602.07360; version 1.1 of github.com/forresti/SqueezeNet, with the
layers in the order in which the Keras weights of it are stored.
"""

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

_FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
"""Filters of the squeeze and of each expansion, fire2 to fire9."""
_POOLED = (3, 5)
"""Numbers of the fires that are followed by pooling."""
MEAN = (122.679, 116.669, 104.006)
"""Of ImageNet's red, green and blue, 0..255, as Caffe subtracts it."""


def squeezenet(input_shape: tuple[int, int, int], *, top: bool) -> keras.Model:
    """Build the untrained net without its top.

    Args:
        input_shape: height, width and 3.
        top: must be False, for there are no weights of the top.

    Returns:
        A model from what `preprocess_input` makes of pixels to the last fire's feature map,
        height/16 x width/16 x 512.

    Raises:
        ValueError: with its top, or a side under 32 pixels.
    """
    if top:
        raise ValueError("SqueezeNet is there without its top only")
    if min(input_shape[:2]) < 32:
        raise ValueError(f"SqueezeNet needs at least 32x32 pixels, got {input_shape[:2]}")
    pixels = keras.Input(input_shape)
    x = layers.Conv2D(64, 3, strides=2, activation="relu", name="conv1")(pixels)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for number, (squeezed, expanded) in enumerate(_FIRES, start=2):
        x = _fire(x, f"fire{number}", squeezed, expanded)
        if number in _POOLED:
            x = layers.MaxPooling2D(3, strides=2, name=f"pool{number}")(x)
    return keras.Model(pixels, x, name="squeezenet")


def preprocess_input(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn RGB 0..255 into what the weights were trained on: BGR, less ImageNet's mean.

    As the example of github.com/rcmalli/keras-squeezenet does, which converted the weights from
    Caffe.
    """
    return np.asarray((pixels - np.array(MEAN))[..., ::-1], np.float64)


def _fire(x: keras.KerasTensor, name: str, squeezed: int, expanded: int) -> keras.KerasTensor:
    x = layers.Conv2D(squeezed, 1, activation="relu", name=f"{name}_squeeze1x1")(x)
    one = layers.Conv2D(expanded, 1, activation="relu", name=f"{name}_expand1x1")(x)
    three = layers.Conv2D(expanded, 3, padding="same", activation="relu", name=f"{name}_expand3x3")(
        x
    )
    return layers.Concatenate(name=f"{name}_concat")([one, three])
