"""Teaches one net of the cascade."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from train.detector.feed import PlainSamples, SampleFeed
from train.detector.gather import gather
from train.detector.loss import detection_loss, targets
from train.detector.nets import SOURCE, stock_net
from train.detector.photos import Photo
from train.detector.samples import FACE, Samples, read_samples
from train.fitting.fit import Plan, fit

BATCHES = {"pnet": 1024, "rnet": 384, "onet": 256}
EPOCHS = {"pnet": 12, "rnet": 3, "onet": 3}
"""Times that as many samples are shown as there are: the nets know faces already."""
RATES, LAST = {"pnet": 1e-3, "rnet": 7e-4, "onet": 5e-4}, 0.02
"""Adam's learning rate at the start, and the share of it that a cosine leaves at the end. The
larger a net, the faster it forgets what the package's had learnt of many more bare faces."""
TRUSTED = {"bare": 1.0, "masked": 0.3}
"""How much the package's landmarks count: it guesses the mouth behind a mask."""
SHOWN = 2048
"""Samples that the package's O-Net is asked about at once."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a net is taught, and where its training is kept."""

    net: str
    before: Mapping[str, keras.Model]
    """The nets that were taught before it, by name."""
    training: Sequence[Photo]
    held_back: Sequence[Photo]
    folder: Path
    """Holds its samples, checkpoint and history.csv."""
    epochs: int
    seed: int


def teach(lesson: Lesson) -> keras.Model:
    """Gather samples, train the package's net on them, and give it.

    An unfinished training goes on where it was.

    Raises:
        MaskGateError: a photo, the package's weights or the checkpoint cannot be read.
        OSError: the folder cannot be written.
    """
    shown = _samples(lesson, lesson.training, "training")
    judged = _samples(lesson, lesson.held_back, "held back")
    batch = BATCHES[lesson.net]
    steps = max(1, len(shown.kinds) // batch)
    feed = SampleFeed(shown, _targets(lesson.net, shown), SOURCE, batch, steps, lesson.seed)
    held_back = PlainSamples(judged, _targets(lesson.net, judged), SOURCE, batch)
    plan = Plan(lesson.epochs, lesson.seed, None, lesson.folder)
    return fit(lambda: _compiled(lesson, steps), feed, held_back, plan)


def _compiled(lesson: Lesson, steps: int) -> keras.Model:
    net = stock_net(lesson.net)
    rate = keras.optimizers.schedules.CosineDecay(
        RATES[lesson.net], lesson.epochs * steps, alpha=LAST
    )
    net.compile(keras.optimizers.Adam(rate), detection_loss)
    return net


def _samples(lesson: Lesson, photos: Sequence[Photo], name: str) -> Samples:
    """What is kept of an earlier start, or gathered now."""
    kept = lesson.folder / f"{name}.npz"
    samples = read_samples(kept)
    if samples is None:
        rng = np.random.default_rng((lesson.seed, name == "training"))
        guises = name == "training"
        samples = gather(lesson.net, lesson.before, photos, rng, guises=guises)
        lesson.folder.mkdir(parents=True, exist_ok=True)
        samples.write(kept)
    return samples


def _targets(net: str, samples: Samples) -> NDArray[np.float32]:
    """What to learn of each sample; the landmarks are those that the package's O-Net is sure of."""
    if net != "onet":
        return targets(samples)
    stock = stock_net("onet")
    outputs = np.concatenate(
        [
            stock.predict_on_batch(SOURCE.values(samples.pictures[start : start + SHOWN]))
            for start in range(0, len(samples.kinds), SHOWN)
        ]
    )[:, 0, 0]
    sure = (outputs[:, -1] > 0) & (samples.kinds == FACE)
    trust = sure * np.where(samples.masked, TRUSTED["masked"], TRUSTED["bare"])
    return targets(samples, outputs[:, 4:14], trust)
