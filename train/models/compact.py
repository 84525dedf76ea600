"""The compact model: small enough for the device, a residual net of plain convolutions.

Plain convolutions, for they keep their accuracy in int8 (one scale per output channel) where
depthwise ones lose it, and the runtime's int8 matrix kernels are at their best with them.
"""

import keras
from keras import layers

SIZE = 64
MARGIN = 0.25
"""Share of the face's longer side that the device's cut adds: chin, ears and the mask's straps."""


def compact_model() -> keras.Model:
    """Build the untrained net.

    Returns:
        A model from float32 pixels 0..255 (batch x 64 x 64 x 3, RGB) to the probability of
        `face_with_mask` (batch x 1, 0..1).
    """
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1)(pixels)
    x = _convolution(x, 24, stride=2)
    x = _convolution(x, 40, stride=2)
    x = _residual(x, 40)
    x = _convolution(x, 48, stride=2)
    x = _residual(x, 48)
    x = _convolution(x, 64, stride=2)
    x = _residual(x, 64)
    x = _residual(x, 64)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    # In float32 also where the rest is trained in shorter numbers.
    masked = layers.Dense(1, activation="sigmoid", dtype="float32", name="masked")(x)
    return keras.Model(pixels, masked, name="compact")


def _convolution(
    x: keras.KerasTensor, filters: int, stride: int = 1, *, activate: bool = True
) -> keras.KerasTensor:
    x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.95)(x)
    return layers.ReLU(6.0)(x) if activate else x


def _residual(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    y = _convolution(_convolution(x, filters), filters, activate=False)
    return layers.ReLU(6.0)(layers.Add()([x, y]))
