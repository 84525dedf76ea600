"""What a single-shot detector says, and where: cells of three sizes that each may see one face.

The net looks at a picture once. What it gives is one tensor of blocks, one for each 32 x 32 pixels,
and a block says for each of its cells, in rows, 16 of 8 x 8 pixels, 4 of 16 x 16 and one of
32 x 32, five numbers: how far the face's middle lies from the cell's, x and y; the logarithms of
half the face's width and height; the logit of a face. Lengths are in cells. A net may say more
between the fourth and the last.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.vision.boxes import Rows, Scores

STRIDES: Final = (8, 16, 32)
"""Sides of the cells, pixels of the net's picture; the last is a block's."""
BLOCK: Final = STRIDES[-1]
CELLS: Final = sum((BLOCK // stride) ** 2 for stride in STRIDES)
"""Of a block."""
NUMBERS: Final = 5
"""That the net says of each cell, at least."""
WIDEST: Final = 4.0
"""Logarithm of the largest face in cells, so that nothing a net says overflows."""

Floats = NDArray[np.float32]


@lru_cache(maxsize=64)
def cells(blocks: tuple[int, int]) -> tuple[Floats, Floats]:
    """Give the middle of each cell and its side, in the order of the net's output.

    Args:
        blocks: of the picture, across and down.

    Returns:
        n x 2, x and y, and n x 1; pixels of the picture. Not to be changed.
    """
    across, down = blocks
    corners = np.stack(np.meshgrid(np.arange(across), np.arange(down)), axis=-1) * BLOCK
    within, sides = [], []
    for stride in STRIDES:
        steps = (np.arange(BLOCK // stride) + 0.5) * stride
        within.append(np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2))
        sides.append(np.full((len(within[-1]), 1), stride))
    middles = corners[:, :, None] + np.concatenate(within)
    every = np.tile(np.concatenate(sides), (across * down, 1))
    return middles.reshape(-1, 2).astype(np.float32), every.astype(np.float32)


def faces_in_cells(output: Floats, threshold: float) -> tuple[Rows, Scores]:
    """Read what the net says of a picture.

    Args:
        output: blocks down x blocks across x (CELLS * NUMBERS or more).
        threshold: logit that a face must exceed.

    Returns:
        Boxes n x 4, in pixels of the picture, and logits n.
    """
    down, across = output.shape[:2]
    said = output.reshape(down * across * CELLS, -1)
    seen = np.flatnonzero(said[:, -1] > threshold)
    middles, sides = (table[seen] for table in cells((across, down)))
    said = said[seen]
    middle = middles + said[:, :2] * sides
    half = np.exp(np.clip(said[:, 2:4], -WIDEST, WIDEST)) * sides
    boxes = np.hstack([middle - half, middle + half])
    return boxes.astype(np.float64), said[:, -1].astype(np.float64)
