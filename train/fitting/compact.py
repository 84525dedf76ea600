"""Trains the compact model on patches."""

from collections.abc import Sequence

import keras

from train.data.patches import Patch
from train.feed.faces import AugmentedFaces
from train.feed.plain import PlainFaces
from train.fitting.fit import Plan, fit
from train.models.compact import MARGIN, SIZE, compact_model

BATCH = 64
MIN_STEPS = 15


def train_compact(
    training: Sequence[Patch], validation: Sequence[Patch], plan: Plan
) -> keras.Model:
    """Train the compact model from scratch.

    AdamW with a cosine-shaped learning rate and a short warm-up; the result holds the running
    mean of the weights, which generalises better than the last step's.

    Args:
        training: faces to learn from.
        validation: faces of other photos, measured after each epoch.
        plan: the seed is also that of the draw and the augmentation; in an epoch as many faces
            are drawn as there are. At least 2 epochs.
    """
    steps = max(MIN_STEPS, len(training) // BATCH)
    feed = AugmentedFaces(training, SIZE, MARGIN, BATCH, steps, plan.seed)
    held_back = PlainFaces(validation, SIZE, MARGIN, BATCH)
    return fit(lambda: _compiled(plan.epochs, steps), feed, held_back, plan)


def _compiled(epochs: int, steps: int) -> keras.Model:
    model = compact_model()
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
    return model
