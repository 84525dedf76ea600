"""The paper's convolutional network, exactly as it was."""

import keras
from keras import layers

SIZE = 128
MARGIN = 0.0
"""The paper cut its faces at the labelled boxes."""
PARAMETERS = 3_371_785


def cnn_model() -> keras.Model:
    """Build the untrained net.

    Returns:
        A model from float32 pixels 0..255 (batch x 128 x 128 x 3, RGB) to the probability of
        `face_with_mask` (batch x 1, 0..1); PARAMETERS weights.
    """
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(128, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(100, activation="relu"),
            layers.Dropout(0.5),
            # In float32 also where the rest is trained in shorter numbers.
            layers.Dense(1, activation="sigmoid", dtype="float32"),
        ],
        name="cnn",
    )
