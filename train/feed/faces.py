"""Feeds augmented faces to a training, both classes alike, the same for the same seed."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.values import Box, Point
from edge.vision.cut import cut_face
from train.data.annotations import BARE, MASKED
from train.data.patches import REACH, Patch
from train.feed.augment import augmented_cut
from train.feed.beards import with_beard
from train.feed.feed import WHOLE, Batch, Share
from train.feed.masks import with_mask

DRESSED = 0.25
"""Share of the bare faces that are shown with a drawn mask."""
REDRESSED = 0.3
"""Share of the masked faces that are shown with another mask drawn over theirs."""
SHARP = 1 + REACH
"""Pixels of a patch for each pixel of its cut: the face itself is not shrunk below the cut."""
BEARDED = 0.18
"""Share of the faces left bare that are shown with a drawn beard."""


class AugmentedFaces:
    """Batches of augmented cuts; each epoch shows other faces in another guise."""

    def __init__(
        self, patches: Sequence[Patch], size: int, margin: float, batch: int, steps: int, seed: int
    ) -> None:
        self._patches = patches
        self._size, self._margin = size, margin
        self._batch, self._seed = batch, seed
        self._chances = _chances(patches)
        self.steps = steps

    def batch(self, epoch: int, step: int, share: Share = WHOLE) -> Batch:
        """Draw faces and show each in another guise (rows x size x size x 3, RGB uint8).

        Devices that share a batch draw their faces apart from each other.
        """
        rng = np.random.default_rng((self._seed, epoch, step, share.index))
        size = -(-self._batch // share.count)
        picked = rng.choice(len(self._patches), size, p=self._chances)
        longest = round(SHARP * self._size)
        patches = [_dressed(_shrunk(self._patches[number], longest), rng) for number in picked]
        faces = [
            augmented_cut(patch, self._size, self._margin, rng, patches[number - 1].pixels)
            for number, patch in enumerate(patches)
        ]
        return np.stack(faces), targets(patches)


def _dressed(patch: Patch, rng: np.random.Generator) -> Patch:
    """Draw a mask on some of the faces, which makes them masked ones, and a beard on others."""
    if patch.landmarks is None:
        return patch
    if rng.random() < (DRESSED if patch.label == BARE else REDRESSED):
        return with_mask(patch, rng)
    if patch.label == BARE and rng.random() < BEARDED:
        return with_beard(patch, rng)
    return patch


def _shrunk(patch: Patch, longest: int) -> Patch:
    """The same patch with no more pixels than its cut can show: what follows costs by the pixel."""
    side = patch.pixels.shape[0]
    if side <= longest:
        return patch
    scale = longest / side

    def smaller(point: Point) -> Point:
        return point[0] * scale, point[1] * scale

    box = patch.box
    return replace(
        patch,
        pixels=np.asarray(
            # By less than two, so LINEAR loses nothing that AREA would keep, at a fifth the cost.
            cv2.resize(patch.pixels, (longest, longest), interpolation=cv2.INTER_LINEAR),
            np.uint8,
        ),
        box=Box(box.left * scale, box.top * scale, box.right * scale, box.bottom * scale),
        landmarks=patch.landmarks and patch.landmarks.moved(smaller),
    )


def device_cuts(patches: Sequence[Patch], size: int, margin: float) -> NDArray[np.uint8]:
    """Cut faces as the device does: faces x size x size x 3, RGB uint8."""
    return np.stack([cut_face(patch.pixels, patch.box, size, margin) for patch in patches])


def targets(patches: Sequence[Patch]) -> NDArray[np.float32]:
    """Give 1 for masked and 0 for bare faces (faces x 1)."""
    return np.array([[patch.label == MASKED] for patch in patches], np.float32)


def _chances(patches: Sequence[Patch]) -> NDArray[np.float64]:
    """How likely each patch is drawn: a collection by its faces, both its classes alike.

    Otherwise the class could be guessed from the collection that a picture comes from.
    """
    _, collections, faces = np.unique(
        [patch.face.collection for patch in patches], return_inverse=True, return_counts=True
    )
    _, kinds, alike = np.unique(
        [f"{patch.face.collection} {patch.label}" for patch in patches],
        return_inverse=True,
        return_counts=True,
    )
    chances = faces[collections] / alike[kinds]
    # A face of a few pixels says little: it is shown, but less often.
    chances *= np.array([0.25 if patch.size < 14 else 1.0 for patch in patches])
    # The whole of a crop may show more than a face; the detector's box of it does not.
    chances *= np.array([0.35 if _is_whole(patch) else 1.0 for patch in patches])
    chances *= np.array([1 / (1 - DRESSED) if patch.label == BARE else 1.0 for patch in patches])
    return np.asarray(chances / chances.sum(), np.float64)


def _is_whole(patch: Patch) -> bool:
    return patch.face.box is None and patch.around_label
