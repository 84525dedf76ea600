"""Splits faces into those to train on and those to validate on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from train.data.patches import Patch

SHARE, SEED = 0.12, 42
"""The paper's: 88/12, seed 42."""

ROUNDS = 4
"""After so many, hardly a group changes sides any more."""

How = Literal["groups", "rows"]


def split(
    patches: Sequence[Patch], how: How = "groups", share: float = SHARE, seed: int = SEED
) -> tuple[list[Patch], list[Patch]]:
    """Hold back about `share` of the faces of each collection and class.

    Args:
        patches: the views of a face always stay together.
        how: "groups" keeps the faces of one photo and of its near-duplicates on one side. "rows"
            draws face by face, as the paper did: faces of one photo are on both sides, so the
            figure it gives is too good.
        share: of the faces, 0..1.
        seed: the same seed and the same patches give the same split.

    Returns:
        The patches to train on and those to validate on, each in the order given.
    """
    together = [patch.group if how == "groups" else _name(patch) for patch in patches]
    # Sorted, so that it does not matter which data folder is named first.
    names, rows = np.unique(together, return_inverse=True)
    kinds, columns = np.unique([_kind(patch) for patch in patches], return_inverse=True)
    counts = np.zeros((len(names), len(kinds)))
    # The detector's view of a face counts no second time.
    np.add.at(counts, (rows, columns), [patch.around_label for patch in patches])
    held_back = _choose(counts, share, np.random.default_rng(seed))[rows]
    training = [patch for patch, held in zip(patches, held_back, strict=True) if not held]
    validation = [patch for patch, held in zip(patches, held_back, strict=True) if held]
    return training, validation


def _name(patch: Patch) -> str:
    return f"{patch.face.collection} {Path(*patch.face.picture.parts[-2:])} {patch.face.box}"


def _kind(patch: Patch) -> str:
    return f"{patch.face.collection} {patch.label}"


def _choose(
    counts: NDArray[np.float64], share: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Pick groups in random order, each if it brings the kinds nearer to their share.

    A photo of a crowd shows faces of both classes, so the groups of each class cannot be drawn
    apart; and the share is one of faces, for a group has from 1 to over 100 of them. Further
    rounds put back or add what brings them nearer still.

    Args:
        counts: faces of each kind in each group (groups x kinds).
        share: of the faces of each kind to pick.
        rng: gives the order.
    """
    totals = np.maximum(counts.sum(axis=0), 1)
    missing = np.full(counts.shape[1], share)
    chosen = np.zeros(len(counts), bool)
    order = rng.permutation(len(counts))
    for _ in range(ROUNDS):
        for row in order:
            change = counts[row] / totals
            left = missing + change if chosen[row] else missing - change
            if (left**2).sum() < (missing**2).sum():
                chosen[row], missing = not chosen[row], left
    return chosen
