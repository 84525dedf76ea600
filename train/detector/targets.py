"""What each cell of a view is to say: which face it is the middle of, if of any."""

import numpy as np
from numpy.typing import NDArray

from edge.vision.boxes import Rows
from edge.vision.cells import BLOCK, STRIDES, cells
from train.detector.views import View

FACE, BACKGROUND, NOTHING = 1, 0, -1
"""Kinds of cell; of NOTHING, nothing is learnt."""
SIZES = (0.0, 36.0), (28.0, 84.0), (64.0, np.inf)
"""Longer sides of the faces that cells of each of STRIDES learn, pixels: where two overlap, both
do, so that no face falls between."""
NEAR, OF_FACE = 0.72, 0.2
"""How far a face's middle may be from a cell's: in cells, or in faces where that is more."""
BESIDE = 0.5
"""Cells further that nothing is learnt, inside the face."""
MARGIN = 4.0
"""Pixels around what is neither face nor background of which nothing is learnt."""
TRUSTED = {"bare": 1.0, "masked": 0.3}
"""How much landmarks count: whoever found them guessed the mouth behind a mask."""
WIDTH = 17
"""Numbers that a cell learns: kind, box (4), landmarks (10), their weight, the face's share."""

Targets = NDArray[np.float32]
"""Cells x WIDTH, lengths in pixels of the view."""


def targets(view: View) -> Targets:
    """Tell each cell what to say.

    Args:
        view: whose side is a multiple of a block's.
    """
    blocks = view.side // BLOCK
    middles, sides = cells((blocks, blocks))
    told = np.zeros((len(middles), WIDTH), np.float32)
    for box in view.others:
        told[_inside(middles, box, MARGIN), 0] = NOTHING
    # Small ones last: what two faces claim is the smaller one's, which has fewer cells.
    order = np.argsort(-(view.boxes[:, 2:] - view.boxes[:, :2]).prod(axis=1), kind="stable")
    for row in order:
        box = view.boxes[row]
        lengths = box[2:] - box[:2]
        size = lengths.max()
        away = np.abs(middles - (box[:2] + box[2:]) / 2)
        for stride, (low, high) in zip(STRIDES, SIZES, strict=True):
            if low <= size < high:
                reach = np.maximum(NEAR * stride, OF_FACE * lengths)
                of_stride = sides[:, 0] == stride
                mine = of_stride & (away <= reach).all(axis=1)
                beside = of_stride & ~mine & (away < reach + BESIDE * stride).all(axis=1)
                beside &= _inside(middles, box) & (told[:, 0] == BACKGROUND)
                told[beside, 0] = NOTHING
                told[mine] = _said(view, row, int(mine.sum()))
    return told


def _said(view: View, row: int, count: int) -> Targets:
    """What each of `count` cells says of a face."""
    points = view.points[row]
    known = not np.isnan(points).any()
    trusted = TRUSTED["masked" if view.masked[row] else "bare"] if known else 0.0
    return np.array(
        [FACE, *view.boxes[row], *(points.ravel() if known else np.zeros(10)), trusted, 1 / count],
        np.float32,
    )


def _inside(middles: NDArray[np.float32], box: Rows, margin: float = 0.0) -> NDArray[np.bool_]:
    found = (middles >= box[:2] - margin) & (middles <= box[2:] + margin)
    return np.asarray(found.all(axis=1), np.bool_)
