"""What a model gets right, told apart by size and class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from train.data.annotations import MASKED
from train.data.patches import Patch

SMALLEST = 20.0
"""Faces of fewer pixels are too small to judge by; they are counted apart."""


def accuracy_report(
    probabilities: NDArray[np.float64], patches: Sequence[Patch]
) -> dict[str, float | int]:
    """Measure a model on the faces of at least SMALLEST pixels.

    Args:
        probabilities: of `face_with_mask`, 0..1, one for each face.
        patches: the faces.

    Returns:
        Number of faces, accuracy, balanced accuracy and the recall of either class.
    """
    large = np.array([patch.size >= SMALLEST for patch in patches])
    masked = np.array([patch.label == MASKED for patch in patches])
    right = (probabilities >= 0.5) == masked
    recalls = [float(right[large & (masked == truth)].mean()) for truth in (True, False)]
    return {
        "faces": int(large.sum()),
        "accuracy": round(float(right[large].mean()), 4),
        "balanced_accuracy": round(sum(recalls) / 2, 4),
        "recall_masked": round(recalls[0], 4),
        "recall_bare": round(recalls[1], 4),
    }
