"""Pretrained networks as the tests have them, with random weights, and faces to show them.

Run as a program, it computes features slowly, to be killed meanwhile.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

from edge.values import Box
from train.data.annotations import BARE, MASKED, Annotations, LabelledFace
from train.data.dataset import Dataset
from train.data.patches import Patch, make_patch
from train.fitting.features import cached_features
from train.models.backbone import Backbone, load_backbone
from train.models.kinds import Material
from train.models.squeezenet import squeezenet

SIZE = 64
FACES = 100


def random_weights(folder: Path, name: str, size: int = SIZE) -> Path:
    """Make a file that stands for the ImageNet weights of a network without its top."""
    keras.utils.set_random_seed(7)
    shape = (size, size, 3)
    if name == "SqueezeNet":
        network = squeezenet(shape, top=False)
    else:
        network = getattr(keras.applications, name)(
            include_top=False, weights=None, input_shape=shape
        )
    file = folder / f"{name}.weights.h5"
    network.save_weights(file)
    return file


def small_squeezenet(folder: Path) -> Backbone:
    file = folder / "SqueezeNet.weights.h5"
    return load_backbone(
        "squeezenet", file if file.exists() else random_weights(folder, "SqueezeNet"), SIZE
    )


def drawn_face(rng: np.random.Generator, *, masked: bool) -> np.ndarray:
    """A head, with a bright cloth over its lower half or without."""
    picture = rng.integers(0, 256, (96, 96, 3)).astype(np.uint8)
    skin = [int(value) for value in rng.uniform((150, 100, 70), (240, 190, 160))]
    cv2.ellipse(picture, (48, 48), (32, 42), 0, 0, 360, skin, cv2.FILLED)
    if masked:
        cloth = [int(value) for value in rng.uniform((180, 220, 220), 255)]
        cv2.rectangle(picture, (18, 50), (78, 84), cloth, cv2.FILLED)
    return picture


def drawn_patches(count: int = FACES) -> list[Patch]:
    rng = np.random.default_rng(3)
    patches = []
    for number in range(count):
        masked = number % 2 == 0
        face = LabelledFace(
            Path(f"{number}.png"), MASKED if masked else BARE, None, f"photo {number}", "drawn"
        )
        patches.append(make_patch(drawn_face(rng, masked=masked), face, Box(12, 4, 84, 92)))
    return patches


def drawn_material(count: int = FACES) -> Material:
    patches = drawn_patches(count)
    dataset = Dataset(patches, Annotations(), f"{count} drawn faces")
    return Material(dataset, patches[: count * 3 // 4], patches[count * 3 // 4 :])


class Shown(Sequence[Patch]):
    """Patches that count how many of them were looked at, and may take their time."""

    def __init__(self, patches: Sequence[Patch], seconds: float = 0.0) -> None:
        self._patches, self._seconds = patches, seconds
        self.looked_at = 0

    def __len__(self) -> int:
        return len(self._patches)

    def __getitem__(self, index: Any) -> Any:
        found = self._patches[index]
        self.looked_at += len(found) if isinstance(index, slice) else 1
        time.sleep(self._seconds)
        return found

    def __iter__(self) -> Iterator[Patch]:
        return iter(self._patches)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    slow = Shown(drawn_patches(), seconds=0.5)
    cached_features(slow, "drawn", small_squeezenet(folder), folder=folder)
