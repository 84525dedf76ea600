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
        threshold: overlap, 0..1, above which the worse of two boxes is dropped.
        limit: how many of the best boxes are looked at; the work grows with its square.
        of_smaller: divide what two boxes share by the smaller area, not by their union; a small
            box inside a large one then counts as fully overlapped.

    Returns:
        Indices of the boxes kept, the best first.
    """
    order: NDArray[np.intp] = np.argsort(-scores, kind="stable")[:limit]
    if len(order) < 2:
        return order
    corners = np.ascontiguousarray(boxes[order].T)
    low, high = corners[:2], corners[2:]
    common = np.minimum(high[:, :, None], high[:, None]) - np.maximum(low[:, :, None], low[:, None])
    np.maximum(common, 0, out=common)
    shared = common[0] * common[1]
    size = high - low
    area = size[0] * size[1]
    whole = np.minimum(area[:, None], area) if of_smaller else area[:, None] + area - shared
    overlapping = shared > threshold * whole
    # Every box overlaps itself; it is kept if it is the first, so the best, that does.
    kept: NDArray[np.intp] = order[overlapping.argmax(axis=1) == np.arange(len(order))]
    return kept


def joined(boxes: Rows, scores: Scores, kept: NDArray[np.intp], threshold: float) -> Rows:
    """Each box that is kept, as the mean of those that it stands for: all that overlap it.

    Several cells see one face, each a bit elsewhere, and their mean lies nearer to it than the
    surest does (Gidaris and Komodakis, "Object detection via a multi-region and semantic
    segmentation-aware CNN model", 2015).

    Args:
        boxes: n x 4.
        scores: n, above 0.
        kept: indices of k boxes.
        threshold: overlap, 0..1, from which on a box counts: by its score and the square of its
            overlap, so that those that come and go with a pixel more or less count least.

    Returns:
        k x 4.
    """
    shared = overlaps(boxes[kept], boxes)
    counted = np.where(shared >= threshold, shared**2 * scores, 0)
    # Not by matmul: there is too little to do for BLAS, which an emulated Raspberry Pi got wrong.
    means = (counted[:, :, None] * boxes).sum(axis=1) / counted.sum(axis=1, keepdims=True)
    return np.asarray(means)


def squared(boxes: Rows) -> Rows:
    """Each box widened along its shorter side to a square around the same centre."""
    size = boxes[:, 2:] - boxes[:, :2]
    side = size.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + (size - side) / 2
    return np.hstack([corner, corner + side])


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
    common = np.maximum(high - low, 0)
    # A product of two planes takes a fraction of the time of np.prod along the last axis.
    shared = common[..., 0] * common[..., 1]
    whole = areas(first)[:, None] + areas(second) - shared
    return np.asarray(np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0))


def areas(boxes: Rows) -> NDArray[np.float64]:
    """Of each box, 0 where it is empty."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1])
