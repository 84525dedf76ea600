"""What goes into a detector, and faces out of what its net says: box, points, and a logit."""

import math

import numpy as np
from numpy.typing import NDArray

from edge.values import Box, Face, Landmarks, Pixels


def require_frame(pixels: Pixels) -> None:
    """Check that a picture is one that a detector can be shown.

    Raises:
        ValueError: it is not RGB uint8, height x width x 3.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(
            f"a frame must be uint8, height x width x 3, found {pixels.dtype}, {pixels.shape}"
        )


def make_face(box: NDArray[np.float64], points: NDArray[np.float64], logit: float) -> Face:
    """Make a face.

    Args:
        box: left, top, right, bottom.
        points: 5 x (x, y), in the order of `Landmarks`.
        logit: of the probability that it is one.
    """
    # Beyond 60 the probability is 0 or 1 to every digit, and exp could overflow.
    score = 1 / (1 + math.exp(-min(max(logit, -60.0), 60.0)))
    return Face(Box(*box.tolist()), score, Landmarks(*map(tuple, points.tolist())))


def probabilities(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probability that each logit means."""
    return np.exp(-np.logaddexp(0, -logits))


def logit_of(probability: float) -> float:
    """The logit that means a probability; of 0 and 1, minus and plus infinity."""
    if probability in (0, 1):
        return math.copysign(math.inf, probability - 0.5)
    return math.log(probability / (1 - probability))
