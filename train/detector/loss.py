"""What the nets of the cascade are taught by: face or not, where its edges and landmarks are.

As in Zhang et al., "Joint Face Detection and Alignment using Multitask Cascaded Convolutional
Networks", 2016: faces and background teach the score, faces and parts of them the box, and what is
known to have landmarks the landmarks.
"""

from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from train.detector.samples import BACKGROUND, FACE, PART, Samples

BOX, LANDMARKS = 2.0, 20.0
"""Weights beside the score's 1. A landmark's error is small: 0.05 of the side weighs 0.0125."""
BEND = 0.1
"""Share of the side from which on a wrong edge or landmark counts by its distance, no longer by its
square: some boxes are drawn badly, and some landmarks are guesses."""
WIDTH = 4 + 10 + 2
"""Numbers of a target: offsets, landmarks, how much these count, kind."""


def targets(
    samples: Samples,
    landmarks: NDArray[np.float32] | None = None,
    trust: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """What a net should say of each sample.

    Args:
        samples: n of them.
        landmarks: 5 x, then 5 y, as shares of the window, n x 10; None for P-Net and R-Net.
        trust: how much those of each sample count, 0..1, n.

    Returns:
        n x WIDTH.
    """
    count = len(samples.kinds)
    points = np.zeros((count, 10)) if landmarks is None else landmarks
    weight = np.zeros(count) if trust is None else trust
    parts = (samples.offsets, points, weight[:, None], samples.kinds[:, None])
    return np.asarray(np.hstack(parts), np.float32)


def mirrored(wanted: NDArray[np.float32]) -> NDArray[np.float32]:
    """The targets of the same samples seen in a mirror."""
    turned: NDArray[np.float32] = wanted.copy()
    turned[:, [0, 2]] = -wanted[:, [2, 0]]
    # Left and right eye, and ends of the mouth, change names.
    other = np.array([1, 0, 2, 4, 3])
    turned[:, 4:9] = 1 - wanted[:, 4 + other]
    turned[:, 9:14] = wanted[:, 9 + other]
    return turned


def detection_loss(wanted: Any, output: Any) -> Any:
    """Weigh what a net says of a batch.

    Args:
        wanted: batch x WIDTH, see `targets`.
        output: batch x 1 x 1 x (4 offsets, 10 landmarks of O-Net only, logit).
    """
    output = output[:, 0, 0]
    kind = wanted[:, -1]
    scored = ops.cast(kind != PART, "float32")
    is_face = ops.cast(kind == FACE, "float32")
    has_box = ops.cast(kind != BACKGROUND, "float32")
    score = _mean(ops.binary_crossentropy(is_face, output[:, -1], from_logits=True), scored)
    box = _mean(ops.mean(_huber(output[:, :4] - wanted[:, :4]), axis=1), has_box)
    if output.shape[1] == 5:
        return score + BOX * box
    points = ops.mean(_huber(output[:, 4:14] - wanted[:, 4:14]), axis=1)
    return score + BOX * box + LANDMARKS * _mean(points, wanted[:, 14])


def _huber(error: Any) -> Any:
    size = ops.abs(error)
    return ops.where(size < BEND, size**2 / (2 * BEND), size - BEND / 2)


def _mean(values: Any, weights: Any) -> Any:
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)
