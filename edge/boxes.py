"""Arithmetic on many boxes at once: rows of left, top, right, bottom in pixels."""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]
"""One box a row: left, top, right, bottom."""
Scores = NDArray[np.float64]
"""One number a box, higher is better."""


def best_apart(
    boxes: Rows, scores: Scores, threshold: float, limit: int, *, of_smaller: bool = False
) -> NDArray[np.intp]:
    """Non-maximum suppression: the best boxes, without those that a better one overlaps.

    As in the `mtcnn` package, a box is dropped for any better-scored box that overlaps it, be that
    one kept or dropped itself (the usual greedy way looks at kept boxes only).

    Args:
        boxes: n x 4.
        scores: n.
        threshold: overlap above which the worse of two boxes is dropped.
        limit: how many of the best boxes are looked at; the work grows with its square.
        of_smaller: as for `overlaps`.

    Returns:
        Indices of the boxes kept, the best first.
    """
    order = np.argsort(-scores, kind="stable")[:limit]
    if len(order) < 2:
        return order
    covered = overlaps(boxes[order], of_smaller=of_smaller) > threshold
    return order[~np.triu(covered, 1).any(axis=0)]


def overlaps(boxes: Rows, *, of_smaller: bool = False) -> NDArray[np.float64]:
    """Share that each box has in common with each other.

    Args:
        boxes: n x 4.
        of_smaller: divide the intersection by the smaller of the two areas, not by their union;
            a small box inside a large one then counts as fully covered.

    Returns:
        n x n, symmetric, 0..1.
    """
    left, top, right, bottom = np.ascontiguousarray(boxes.T)
    width = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    height = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    area = (right - left) * (bottom - top)
    whole = np.minimum(area[:, None], area) if of_smaller else area[:, None] + area - shared
    # An empty box overlaps nothing; without the floor it would be 0/0.
    share: NDArray[np.float64] = shared / np.maximum(whole, np.finfo(np.float64).tiny)
    return share


def squared(boxes: Rows) -> Rows:
    """Each box widened along its shorter side to a square around the same centre."""
    size = boxes[:, 2:] - boxes[:, :2]
    side = size.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + (size - side) / 2
    return np.hstack([corner, corner + side])
