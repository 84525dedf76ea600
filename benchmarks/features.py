"""Training VGG16's head on cached features, against training it through the frozen network.

The paper ran the frozen network anew in each epoch. Weights and faces are made up, which costs
the same time; both ways train by the same function, and a test shows that they end alike.
"""

import csv
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks.table import print_table
from edge.values import Box

if TYPE_CHECKING:
    from train.data.patches import Patch
    from train.feed.feed import Feed
    from train.models.backbone import Backbone

MANY = 5_000
"""Faces of an epoch on cached features: a fast one of less could not be timed."""


@click.command()
@click.option("--faces", default=160, show_default=True, help="How many go through the network.")
@click.option("--epochs", default=2, show_default=True, help="Through it, after a first one.")
def main(faces: int, epochs: int) -> None:
    """Measure an epoch of VGG16's head both ways."""
    click.echo("loading TensorFlow", err=True)
    from train.feed.faces import targets
    from train.feed.plain import PlainFaces, PlainRows
    from train.fitting.backbone import BATCH, MARGIN, compiled, head_model, joined
    from train.fitting.features import cached_features

    patches = _made_up(faces)
    with tempfile.TemporaryDirectory() as folder:
        backbone = _random_vgg16(Path(folder))
        start = time.perf_counter()
        found = cached_features(patches, "made up", backbone, folder=Path(folder))
        first_pass = (time.perf_counter() - start) / faces
        width = found.shape[1]
        many = np.resize(found, (MANY, width)), np.resize(targets(patches), (MANY, 1))
        cached = _epoch(
            lambda: compiled(head_model(width)), PlainRows(*many, BATCH, seed=1), 5 * epochs
        )
        through = _epoch(
            lambda: compiled(joined(backbone, head_model(width))),
            PlainFaces(patches, backbone.size, MARGIN, BATCH, seed=1),
            epochs,
        )
    per_face = through / faces
    print_table(
        f"VGG16's head, faces of {backbone.size}x{backbone.size}",
        ("way", "ms per face", "times faster", f"s per {MANY} faces"),
        [
            (way, seconds * 1000, per_face / seconds, seconds * MANY)
            for way, seconds in (
                ("an epoch through the frozen network", per_face),
                ("the first pass, which fills the cache", first_pass),
                ("an epoch on cached features", cached / MANY),
            )
        ],
    )


def _made_up(faces: int) -> list["Patch"]:
    """Patches of noise, every other one called masked."""
    from train.data.annotations import LABELS, LabelledFace
    from train.data.patches import LARGEST, make_patch

    rng = np.random.default_rng(0)
    box = Box(44, 44, 132, 132)
    return [
        make_patch(
            rng.integers(0, 256, (LARGEST, LARGEST, 3)).astype(np.uint8),
            LabelledFace(Path(f"{number}.png"), LABELS[number % 2], box, str(number), "noise"),
            box,
        )
        for number in range(faces)
    ]


def _random_vgg16(folder: Path) -> "Backbone":
    import keras

    from train.models.backbone import SIZE, load_backbone

    file = folder / "vgg16.weights.h5"
    network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))
    network.save_weights(file)
    return load_backbone("VGG16", file)


def _epoch(build: Callable[[], Any], feed: "Feed", epochs: int) -> float:
    """Seconds of an epoch; the first one, which compiles, does not count."""
    from train.feed.plain import PlainRows
    from train.fitting.fit import Plan, fit
    from train.fitting.keeping import HISTORY

    inputs, wanted = feed.batch(0, 0)
    with tempfile.TemporaryDirectory() as run:
        plan = Plan(1 + epochs, seed=1, run=Path(run))
        # Almost nothing to validate on, for only the training is compared.
        fit(build, feed, PlainRows(inputs[:1], wanted[:1], 1), plan)
        with (Path(run) / HISTORY).open(newline="", encoding="utf-8") as file:
            taken = [float(row["seconds"]) for row in csv.DictReader(file)]
    return sum(taken[1:]) / epochs


if __name__ == "__main__":
    main()
