"""Trains the paper's network as the paper did."""

from collections.abc import Sequence

import keras

from train.data.patches import Patch
from train.feed.plain import PlainFaces
from train.fitting.fit import Plan, fit
from train.models.cnn import MARGIN, SIZE, cnn_model

BATCH = 32
EPSILON = 0.01
"""Adam's, the paper's; Keras' default is 1e-7."""


def train_cnn(training: Sequence[Patch], validation: Sequence[Patch], plan: Plan) -> keras.Model:
    """Train the paper's network from scratch: Adam, binary cross-entropy, nothing augmented.

    Args:
        training: faces to learn from, each once an epoch; the paper's are the labelled boxes.
        validation: faces of other photos, measured after each epoch.
        plan: the paper trained for 30 epochs.
    """
    feed = PlainFaces(training, SIZE, MARGIN, BATCH, plan.seed)
    return fit(_compiled, feed, PlainFaces(validation, SIZE, MARGIN, BATCH), plan)


def _compiled() -> keras.Model:
    model = cnn_model()
    optimizer = keras.optimizers.Adam(epsilon=EPSILON)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model
