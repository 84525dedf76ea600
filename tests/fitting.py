"""A program that trains tiny nets on made-up rows, for the tests of training to start and kill."""

import sys
import time
from pathlib import Path

import keras
import numpy as np
from keras import layers

from edge.values import Box
from train.data.annotations import LABELS, LabelledFace
from train.data.patches import Patch, make_patch
from train.feed.faces import device_cuts
from train.feed.feed import WHOLE, Batch, Share
from train.feed.plain import PlainRows
from train.fitting import cnn, compact
from train.fitting.fit import Plan, fit

SIZE = 8
ROWS, HELD_BACK = 64, 16


class SlowRows(PlainRows):
    """Rows that take their time, to be killed meanwhile."""

    def batch(self, epoch: int, step: int, share: Share = WHOLE) -> Batch:
        time.sleep(0.15)
        return super().batch(epoch, step, share)


def made_up(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (rows, SIZE, SIZE, 3)).astype(np.uint8)
    bright = pictures[:, :, :4].mean((1, 2, 3)) > 127.5
    return pictures, bright[:, None].astype(np.float32)


def with_all_that_has_state() -> keras.Model:
    """A net whose training has every kind of state: statistics, dropout, averages, a schedule."""
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, use_bias=False),
            layers.BatchNormalization(momentum=0.8),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(1, activation="sigmoid", dtype="float32"),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(
        1e-3, 40, warmup_target=1e-2, warmup_steps=8, alpha=0.01
    )
    optimizer = keras.optimizers.AdamW(
        rate, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=None
    )
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def without_state() -> keras.Model:
    """A net whose gradients do not depend on how a batch is shared out."""
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid", dtype="float32"),
        ]
    )
    optimizer = keras.optimizers.AdamW(
        1e-2, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=None
    )
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def train_killable(run: Path, feed: type[PlainRows]) -> list[np.ndarray]:
    rows = feed(*made_up(ROWS, 1), 8, seed=5)
    plan = Plan(epochs=6, seed=5, run=run)
    model = fit(with_all_that_has_state, rows, PlainRows(*made_up(HELD_BACK, 2), 8), plan)
    return list(model.get_weights())


def train_shared(run: Path | None) -> list[np.ndarray]:
    rows = PlainRows(*made_up(ROWS, 1), 8, seed=5)
    plan = Plan(epochs=3, seed=5, run=run)
    model = fit(without_state, rows, PlainRows(*made_up(HELD_BACK, 2), 8), plan)
    return list(model.get_weights())


def patches_of_noise(count: int) -> list[Patch]:
    rng = np.random.default_rng(3)
    box = Box(16, 16, 48, 48)
    return [
        make_patch(
            rng.integers(0, 256, (64, 64, 3)).astype(np.uint8),
            LabelledFace(Path(f"{number}.png"), LABELS[number % 2], box, str(number), "noise"),
            box,
        )
        for number in range(count)
    ]


def train_kinds(run: Path) -> list[np.ndarray]:
    """Train the real nets for a moment; give what they say of some faces."""
    compact.BATCH, compact.MIN_STEPS = 4, 12
    faces, said = patches_of_noise(4), []
    for name, train in (("compact", compact.train_compact), ("cnn", cnn.train_cnn)):
        model = train(faces, faces, Plan(epochs=2, seed=1))
        model.save(run / f"{name}.keras")
        cuts = device_cuts(faces, model.input_shape[1], 0.0)
        said.append(model.predict(cuts, verbose=0))
    return said


def main(what: str, run: Path, weights: Path) -> None:
    if what == "be killed":
        train_killable(run, SlowRows)
    elif what == "go on":
        np.savez(weights, *train_killable(run, PlainRows))
        np.savez(
            weights.with_stem("uninterrupted"), *train_killable(run / "uninterrupted", PlainRows)
        )
    elif what == "two devices":
        import tensorflow as tf

        half = tf.config.LogicalDeviceConfiguration()
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [half, half])
        np.savez(weights, *train_shared(run))
    elif what == "jax":
        np.savez(weights, *train_kinds(run))
    elif what == "worker":
        np.savez(weights, *train_shared(run))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
