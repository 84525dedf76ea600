"""What a made-up detector found in a photo, for tests of how detectors are judged."""

from collections.abc import Sequence

import numpy as np

from train.detector.matching import Found

Square = tuple[float, float, float]
"""Left, top and side in pixels."""


def found(
    finds: Sequence[tuple[Square, float]] = (),
    bare: Sequence[Square] = (),
    masked: Sequence[Square] = (),
    others: Sequence[Square] = (),
    landmarks: np.ndarray | None = None,
) -> Found:
    """Finds with their scores, labelled faces, and what else is there; the bare faces first."""
    return Found(
        _rows([square for square, _ in finds]),
        np.array([score for _, score in finds], float),
        _rows([*bare, *masked]),
        np.array([False] * len(bare) + [True] * len(masked), np.bool_),
        _rows(others),
        landmarks,
    )


def _rows(squares: Sequence[Square]) -> np.ndarray:
    rows = [[left, top, left + side, top + side] for left, top, side in squares]
    return np.array(rows, float).reshape(-1, 4)
