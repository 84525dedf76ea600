"""Ours: a network learns what a mask looks like from faces whose skin's colour is clear.

Three things make it work where clusters of whole faces fail. It asks the right question: the
colour of the lower half against the upper is about the mask and hardly about pose, light or
source. It learns: the network sees the colour's clearest faces in every light and tint and with
drawn masks of any colour, so what it can learn is the shape, and it outdoes its teacher (Yarowsky,
1995: self-training from a seed rule). And it draws both kinds alike, so that it does not matter
that few are bare, which is what misleads k-means.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace

import click
import keras
import numpy as np
from numpy.typing import NDArray

from train.cluster.clustering import Clustering, Numbers
from train.cluster.faces import FaceViews
from train.cluster.skin import skin_shown
from train.data.annotations import BARE, MASKED
from train.data.patches import Patch
from train.feed.faces import device_cuts
from train.fitting.compact import BATCH, MIN_STEPS, train_compact
from train.fitting.fit import Plan
from train.models.compact import MARGIN, SIZE

BARE_SEEDS, MASKED_SEEDS = 0.1, 0.3
"""Shares of the faces, at both ends of the skin's colour, that the first round learns from.

Fewer bare ones, for few faces may be bare; the network bears with some that are not.
"""
ROUNDS = 2
"""Each learns anew from what the one before was sure of."""
SHOWN = 16_384
"""Faces shown in a round, about, at least twice each."""
SURE = float(np.log(3))
"""Logit from which on a face is learnt from in the next round: 3 to 1."""
HELD_BACK = 256
"""Faces that a round's progress is measured by, at most, against the round's own labels."""

Wanted = NDArray[np.int64]
"""For each face 1 for masked, 0 for bare, -1 for unknown."""


def cluster_taught(faces: Sequence[FaceViews], seed: int) -> Clustering:
    """Cluster faces into bare (0) and masked (1); no label is looked at.

    Args:
        faces: at least a tenth of them should be bare, and three tenths masked.
        seed: of the networks, the draw and the augmentation.
    """
    skin = skin_shown([face.best for face in faces])
    wanted = first_wanted(skin)
    logits = np.zeros(len(faces))
    for number in range(ROUNDS):
        click.echo(
            f"round {number + 1} of {ROUNDS}: learning from {np.sum(wanted == 1)} faces taken for "
            f"masked and {np.sum(wanted == 0)} taken for bare",
            err=True,
        )
        model = _learn(faces, wanted, seed + number)
        logits = _logits(model, faces)
        wanted = next_wanted(logits, wanted)
    return Clustering(
        clusters=(logits > 0).astype(np.int64),
        scores=logits,
        typical=np.abs(logits),
        points=np.stack([skin, logits], axis=1),
        axes=("sign of skin in the lower half, rank", "what the network says, logit"),
        names=(BARE, MASKED),
    )


def first_wanted(skin: Numbers) -> Wanted:
    """Take the faces with most skin for bare, those with least for masked."""
    order = np.argsort(-skin, kind="stable")
    wanted = np.full(len(skin), -1, np.int64)
    wanted[order[: max(1, round(len(skin) * BARE_SEEDS))]] = 0
    wanted[order[-max(1, round(len(skin) * MASKED_SEEDS)) :]] = 1
    return wanted


def next_wanted(logits: Numbers, before: Wanted) -> Wanted:
    """Take the faces that the network is sure of for what it says.

    A kind that it is sure of no face of keeps the faces it had.
    """
    wanted = np.full(len(logits), -1, np.int64)
    for kind, sure in ((0, logits < -SURE), (1, logits > SURE)):
        wanted[sure if sure.any() else before == kind] = kind
    return wanted


def _learn(faces: Sequence[FaceViews], wanted: Wanted, seed: int) -> keras.Model:
    chosen: list[Patch] = []
    for face, kind in zip(faces, wanted, strict=True):
        if kind >= 0:
            label = MASKED if kind else BARE
            chosen += [replace(patch, label=label) for patch in face.patches]
    picked = np.random.default_rng(seed).permutation(len(chosen))[:HELD_BACK]
    steps = max(MIN_STEPS, len(chosen) // BATCH)
    epochs = max(2, round(SHOWN / (steps * BATCH)))
    return train_compact(chosen, [chosen[one] for one in picked], Plan(epochs, seed))


def _logits(model: keras.Model, faces: Sequence[FaceViews]) -> Numbers:
    """Ask the network about each face: the mean over its views and their mirror images."""
    patches = [patch for face in faces for patch in face.patches]
    owners = np.repeat(np.arange(len(faces)), [len(face.patches) for face in faces])
    logits = np.zeros(len(patches))
    with click.progressbar(length=len(patches), label="judging", file=sys.stderr) as bar:
        for first in range(0, len(patches), BATCH):
            cuts = device_cuts(patches[first : first + BATCH], SIZE, MARGIN)
            # Always a whole batch: another shape would have the network compiled once more.
            both = np.zeros((2, BATCH, SIZE, SIZE, 3), np.float32)
            both[:, : len(cuts)] = cuts, cuts[:, :, ::-1]
            said = model.predict_on_batch(both.reshape(2 * BATCH, SIZE, SIZE, 3))
            sure = np.clip(np.asarray(said, np.float64).reshape(2, BATCH), 1e-6, 1 - 1e-6)
            rows = np.log(sure / (1 - sure)).mean(axis=0)
            logits[first : first + len(cuts)] = rows[: len(cuts)]
            bar.update(len(cuts))
    return np.bincount(owners, logits) / np.bincount(owners)
