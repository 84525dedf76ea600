"""Trains the compact model on patches."""

import sys
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from train.data.patches import Patch
from train.feed.faces import AugmentedFaces, device_cuts, targets
from train.models.compact import MARGIN, SIZE, compact_model

BATCH = 64
MIN_STEPS = 15


def train_compact(
    training: Sequence[Patch], validation: Sequence[Patch], epochs: int, seed: int
) -> tuple[keras.Model, keras.callbacks.History]:
    """Train the compact model from scratch.

    AdamW with a cosine-shaped learning rate and a short warm-up; the result holds the running
    mean of the weights, which generalises better than the last step's.

    Args:
        training: faces to learn from.
        validation: faces of other photos, measured after each epoch.
        epochs: how often as many faces are drawn as there are; at least 2.
        seed: of the weights, the draw and the augmentation.
    """
    keras.utils.set_random_seed(seed)
    model = compact_model()
    steps = max(MIN_STEPS, len(training) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, (epochs - 1) * steps, warmup_target=2.5e-3, warmup_steps=steps, alpha=0.01
    )
    model.compile(
        keras.optimizers.AdamW(
            rate,
            weight_decay=0.02,
            use_ema=True,
            # A mean over about the last twentieth of the training.
            ema_momentum=1 - 20 / (epochs * steps),
            ema_overwrite_frequency=None,
        ),
        # Smoothed, for some labels are wrong and none is certain at 12 pixels.
        keras.losses.BinaryCrossentropy(label_smoothing=0.03),
        metrics=["accuracy"],
    )
    feed = AugmentedFaces(training, SIZE, MARGIN, BATCH, steps, seed)
    held_back = (device_cuts(validation, SIZE, MARGIN), targets(validation))
    # A bar for each epoch where a person looks on, a line in a log.
    verbose = 1 if sys.stdout.isatty() else 2
    history = model.fit(feed, validation_data=held_back, epochs=epochs, verbose=verbose)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return model, history


def probabilities(model: keras.Model, patches: Sequence[Patch]) -> NDArray[np.float64]:
    """Give the probability of `face_with_mask` for each face, 0..1, cut as the device does."""
    faces = device_cuts(patches, SIZE, MARGIN)
    return np.asarray(model.predict(faces, batch_size=256, verbose=0)[:, 0], np.float64)
