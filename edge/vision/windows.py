"""What R-Net and O-Net say of squares of a frame, and what that means in pixels.

The arithmetic is that of the Python package `mtcnn` 1.0.0.
"""

import numpy as np
from numpy.typing import NDArray

from edge.vision.boxes import Rows
from edge.vision.net import Net
from edge.vision.sampling import Sampling

RNET_SIDE, ONET_SIDE = 24, 48
"""Sides of the pictures that R-Net and O-Net judge (Zhang et al., 2016)."""


def judge_squares(
    net: Net, sampling: Sampling, squares: Rows, side: int, threshold: float = -np.inf
) -> tuple[Rows, NDArray[np.float64]]:
    """Show squares to R-Net or O-Net.

    Args:
        net: which of them.
        sampling: has seen the frame.
        squares: n x 4, in pixels of the frame.
        side: of the pictures that the net judges.
        threshold: logit that a face must exceed.

    Returns:
        The squares that pass, and what the net says of each; the logit is the last.
    """
    outputs = np.empty((len(squares), net.outputs))
    for row, patch in zip(outputs, sampling.patches(squares, side), strict=True):
        row[:] = net.run(patch)[0, 0]
    passed = outputs[:, -1] > threshold
    return squares[passed], outputs[passed]


def moved(squares: Rows, outputs: NDArray[np.float64]) -> Rows:
    """Squares with their edges moved as R-Net or O-Net says."""
    # The package counts the pixels of both edges.
    size = squares[:, 2:] - squares[:, :2] + 1
    return squares + outputs[:, :4] * np.tile(size, 2)


def landmarks(squares: Rows, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """O-Net's landmarks in pixels of the frame, n x 5 x (x, y)."""
    size = squares[:, None, 2:] - squares[:, None, :2] + 1
    shares = np.stack([outputs[:, 4:9], outputs[:, 9:14]], axis=2)
    # The package counts pixels from 1.
    return shares * size + squares[:, None, :2] - 1
