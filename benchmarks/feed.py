"""How long a training step waits for its data: the compact model on made-up faces.

The feed is the training's own, with its own threads that make batches ahead of time. Before each
step the loop takes the next batch; the wait is the time until it has it.
"""

import time
from pathlib import Path

import click
import cv2
import numpy as np

from benchmarks.table import print_table
from edge.values import Box, Landmarks
from train.data.annotations import LABELS, LabelledFace
from train.data.patches import LARGEST, Patch, make_patch

WARM_UP = 10


def made_up_faces(count: int) -> list[Patch]:
    """Faces of noise with landmarks, from 20 to LARGEST pixels, so that all steps are taken."""
    rng = np.random.default_rng(1)
    patches = []
    for number in range(count):
        side = int(np.exp(rng.uniform(np.log(20), np.log(LARGEST))))
        noise = rng.integers(0, 256, (12, 12, 3)).astype(np.uint8)
        photo = np.asarray(cv2.resize(noise, (2 * side, 2 * side)), np.uint8)
        box = Box(side / 2, side / 2, side * 1.5, side * 1.5)
        points = Landmarks(
            (side * 0.8, side * 0.85),
            (side * 1.2, side * 0.85),
            (side, side * 1.05),
            (side * 0.85, side * 1.25),
            (side * 1.15, side * 1.25),
        )
        label = LABELS[number % len(LABELS)]
        face = LabelledFace(Path(f"{number}.png"), label, box, str(number), "made up")
        patches.append(make_patch(photo, face, box, points))
    return patches


@click.command()
@click.option("--steps", default=100, show_default=True, help="How many training steps.")
def main(steps: int) -> None:
    """Measure the share of its time that the training of the compact model waits for faces."""
    click.echo("loading TensorFlow", err=True)
    import keras

    from train.feed.faces import AugmentedFaces
    from train.feed.feed import MAKERS, made_ahead
    from train.fitting.compact import BATCH
    from train.fitting.devices import find_device
    from train.models.compact import MARGIN, SIZE, compact_model

    click.echo(find_device().sentence, err=True)
    model = compact_model()
    model.compile(keras.optimizers.AdamW(), "binary_crossentropy", jit_compile=find_device().xla)
    feed = AugmentedFaces(made_up_faces(400), SIZE, MARGIN, BATCH, steps, seed=1)
    start = time.perf_counter()
    feed.batch(0, 0)
    alone = time.perf_counter() - start
    waited = worked = 0.0
    with made_ahead(feed.batch, feed.steps, 0) as batches:
        for number in range(WARM_UP + steps):
            if number == WARM_UP:
                waited = worked = 0.0
            start = time.perf_counter()
            batch = next(batches)
            ready = time.perf_counter()
            model.train_on_batch(*batch)
            waited += ready - start
            worked += time.perf_counter() - ready
    print_table(
        f"Waiting for data, {steps} steps of {BATCH} faces, {MAKERS} threads",
        ("ms a step", "ms to make a batch alone", "ms waited", "share waited"),
        [
            (
                worked / steps * 1000,
                alone * 1000,
                waited / steps * 1000,
                f"{waited / (waited + worked):.1%}",
            )
        ],
    )


if __name__ == "__main__":
    main()
