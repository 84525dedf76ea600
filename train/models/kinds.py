"""The kinds of classifier that can be trained, and what each needs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from train.data.dataset import Dataset
from train.data.patches import Patch
from train.fitting.cnn import train_cnn
from train.fitting.compact import train_compact
from train.fitting.fit import Plan
from train.models import cnn, compact


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """The faces of one training."""

    dataset: Dataset
    """All of them; the two sides below are parts of its patches."""
    training: Sequence[Patch]
    validation: Sequence[Patch]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of classifier.

    What its training gives takes pixels 0..255, RGB, batch x size x size x 3, with its own
    preprocessing inside, and ends in a dense layer of one sigmoid: the probability of
    `face_with_mask`.
    """

    name: str
    size: int
    """Side of the input in pixels."""
    margin: float
    """What the cut adds around the box, see `edge.vision.cut.cut_face`."""
    train: Callable[[Material, Plan], keras.Model]
    shows_alike: bool = False
    """Whether its training shows as many masked as bare faces, whatever the data hold."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else makes its training another one, for the recipe; JSON values."""


def labelled(patches: Sequence[Patch]) -> list[Patch]:
    """The patches around labelled boxes: one of each face."""
    return [patch for patch in patches if patch.around_label]


CNN = Kind(
    "cnn",
    cnn.SIZE,
    cnn.MARGIN,
    lambda faces, plan: train_cnn(labelled(faces.training), labelled(faces.validation), plan),
)
COMPACT = Kind(
    "compact",
    compact.SIZE,
    compact.MARGIN,
    lambda faces, plan: train_compact(faces.training, faces.validation, plan),
    shows_alike=True,
)
