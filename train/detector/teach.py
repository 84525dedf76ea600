"""Teaches the detector's net."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from train.detector.feed import Draw, HeldBackViews, ViewFeed
from train.detector.going_on import go_on_from, settle
from train.detector.loss import detection_loss
from train.detector.nets import SOURCE, known_faces
from train.detector.photos import Photo
from train.detector.stored import store
from train.fitting.fit import Plan, fit
from train.models.single_shot import SIDE, single_shot_model

BATCH, EPOCH = 16, 500
"""Views in a batch, batches in an epoch: after each there is a checkpoint."""
VALIDATION = 16
"""Batches to validate on."""
SETTLING = 4
"""Batches by which a net that goes on from another learns what it will be shown."""
STEPS = 15_000
"""Batches of a training: each photo is shown some hundred times, in another guise each time."""
RATE, LATER, WARM, LAST = 2e-3, 1e-3, 300, 0.01
"""AdamW's rate for a net that begins with nothing, and for one that goes on from another run; the
steps until it is reached, and the share of it that a cosine leaves."""
DECAY = 2e-3
MEMORY, CLIP = 0.99, 10.0
"""Of AdamW's second moment; the norm that a gradient is clipped to, for early batches differ."""
AVERAGED = 0.9985
"""Share of the averaged weights that a step leaves."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is taught, and where the training is kept."""

    training: Sequence[Photo]
    held_back: Sequence[Photo]
    run: Path
    """Folder for checkpoint and history.csv."""
    steps: int
    """Batches, at least one."""
    seed: int
    first: Path | None = None
    """Another run, or a bundle, to go on from; None: it begins with nothing."""


def teach(lesson: Lesson) -> keras.Model:
    """Train the net, and give it.

    An unfinished training goes on where it was.

    Raises:
        MaskGateError: a photo or the checkpoint cannot be read.
        OSError: the folder cannot be written.
    """
    known = known_faces()
    steps = min(EPOCH, lesson.steps)
    epochs = -(-lesson.steps // steps)
    pixels, held_back = (lesson.run / f".{name}.pixels" for name in ("training", "held-back"))
    try:
        feed = ViewFeed(
            store(lesson.training, pixels, known), SOURCE, Draw(SIDE, BATCH, steps, lesson.seed)
        )
        validation = HeldBackViews(
            store(lesson.held_back, held_back, known),
            SOURCE,
            Draw(SIDE, BATCH, min(VALIDATION, steps), lesson.seed),
        )
        plan = Plan(epochs, lesson.seed, None, lesson.run)
        return fit(lambda: _compiled(epochs * steps, lesson.first, feed), feed, validation, plan)
    finally:
        # What is mapped stays readable until it is let go.
        for file in (pixels, held_back):
            file.unlink(missing_ok=True)


def _compiled(steps: int, first: Path | None, feed: ViewFeed) -> keras.Model:
    net = single_shot_model()
    if first is not None:
        go_on_from(net, first)
        settle(net, np.concatenate([feed.batch(0, step)[0] for step in range(SETTLING)]))
    highest = RATE if first is None else LATER
    rate = keras.optimizers.schedules.CosineDecay(
        highest / 100, max(1, steps - WARM), alpha=LAST, warmup_target=highest, warmup_steps=WARM
    )
    net.compile(
        keras.optimizers.AdamW(
            rate,
            weight_decay=DECAY,
            beta_2=MEMORY,
            clipnorm=CLIP,
            use_ema=True,
            ema_momentum=AVERAGED,
        ),
        detection_loss,
    )
    return net
