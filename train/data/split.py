"""Splits faces into training and validation, never one photo or duplicate group on both sides."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from train.data.patches import Patch


def split_by_group(
    patches: Sequence[Patch], share: float = 0.12, seed: int = 42
) -> tuple[list[Patch], list[Patch]]:
    """Hold back about `share` of the groups of each collection and class.

    A group counts as the class that most of its faces have, so that both sides hold the classes
    alike. The share and the seed are the paper's (88/12, seed 42).

    Returns:
        The patches to train on and those to validate on.
    """
    labels: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for patch in patches:
        labels[patch.group][patch.label] += 1
    collections = {patch.group: patch.face.collection for patch in patches}
    by_class: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for group in sorted(labels):
        by_class[collections[group], labels[group].most_common(1)[0][0]].append(group)
    rng = np.random.default_rng(seed)
    held_back: set[str] = set()
    for groups in by_class.values():
        order = rng.permutation(len(groups))
        held_back.update(groups[index] for index in order[: round(len(groups) * share)])
    training = [patch for patch in patches if patch.group not in held_back]
    validation = [patch for patch in patches if patch.group in held_back]
    return training, validation
