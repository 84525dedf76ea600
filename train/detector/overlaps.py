"""How far boxes overlap, each of some with each of others."""

import numpy as np
from numpy.typing import NDArray

from edge.vision.boxes import Rows


def overlaps(first: Rows, second: Rows) -> NDArray[np.float64]:
    """Intersection over union of every two boxes.

    Args:
        first: n x 4; n may be 0.
        second: m x 4; m may be 0.

    Returns:
        n x m, 0..1; 0 where a box is empty.
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    whole = _areas(first)[:, None] + _areas(second) - shared
    return np.asarray(np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0))


def _areas(boxes: Rows) -> NDArray[np.float64]:
    return np.asarray(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1))
