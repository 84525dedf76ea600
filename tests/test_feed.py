"""Which faces a training is shown, and how often."""

from pathlib import Path

import numpy as np

from edge.values import Box
from train.data.annotations import BARE, MASKED, LabelledFace
from train.data.patches import Patch, make_patch
from train.feed.faces import AugmentedFaces

BLACK, WHITE = 0, 255


def faces(count: int, label: str, collection: str, shade: int) -> list[Patch]:
    box = Box(16, 16, 48, 48)
    photo = np.full((64, 64, 3), shade, np.uint8)
    path = Path(f"{collection}.png")
    return [
        make_patch(photo, LabelledFace(path, label, box, str(number), collection), box)
        for number in range(count)
    ]


def test_a_small_collection_is_shown_as_often_as_its_faces_count_and_both_classes_alike() -> None:
    large = faces(160, MASKED, "large", BLACK) + faces(20, BARE, "large", BLACK)
    small = faces(18, MASKED, "small", WHITE) + faces(2, BARE, "small", WHITE)
    feed = AugmentedFaces(large + small, 16, 0.0, 1000, 1, seed=1)
    pictures, targets = feed.batch(epoch=0, step=0)
    white = pictures.mean(axis=(1, 2, 3)) > (BLACK + WHITE) / 2
    assert 0.06 < white.mean() < 0.16
    # More of the bare ones, since masks are drawn on some of those that show landmarks.
    for collection in (white, ~white):
        assert 0.35 < targets[collection].mean() < 0.5
