"""What P-Net learns from: windows of photos at all the sizes that the device shows it."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Input
from edge.vision.boxes import Rows, Scores, squared
from edge.vision.pyramid import CELL, REACH, STRIDE, scales
from edge.vision.sampling import Picture, QuickSampling
from train.detector.overlaps import overlaps
from train.detector.samples import BACKGROUND, FACE, PART, Collector, Samples, some
from train.detector.views import View

SMALLEST = 14.0
"""Pixels of the smallest faces shown; the pyramid begins anywhere up to an octave's half above."""
FACTOR = 0.709
"""From one level to the next; the `mtcnn` package's."""
FACE_FROM, PART_FROM, BACKGROUND_TO = 0.6, 0.4, 0.25
"""Overlap of a window with the square around a face: from 0.55 to 0.6 it is neither face nor part.

Nearly those of Zhang et al., 2016 (0.65, 0.4, 0.3); people draw faces more loosely here.
"""
PART_TO = 0.55
FACES, PARTS = 8, 2
"""Windows of a level for each face of the photo, at most."""
HARD, ANY = 12, 4
"""Windows of background of a level, at most: those that the net takes for faces, and others."""
LIKELY = -3.0
"""Logit from which on background is hard."""

Judge = Callable[[Picture], NDArray[np.float32]]
"""A net on one picture: rows x columns x outputs, the logit last."""


def collect_windows(
    views: Iterable[View], judge: Judge, source: Input, rng: np.random.Generator
) -> Samples:
    """Cut windows of faces, of parts of faces and of background that P-Net takes for a face.

    Args:
        views: photos with their faces.
        judge: P-Net as it is before the training.
        source: how the device makes inputs of pixels.
        rng: draws among the windows.
    """
    found = Collector()
    for shown in views:
        height, width = shown.pixels.shape[:2]
        smallest = SMALLEST * rng.uniform(1, FACTOR**-0.5)
        at = scales((width, height), smallest, FACTOR)
        levels = [(int(width * scale), int(height * scale)) for scale in at]
        sampling = QuickSampling((width, height), levels, source)
        sampling.see(shown.pixels)
        for scale, level in zip(at, sampling.levels(), strict=True):
            _collect(found, shown, scale, level, judge(level), rng)
    return found.samples()


def _collect(
    found: Collector,
    shown: View,
    scale: float,
    level: Picture,
    output: NDArray[np.float32],
    rng: np.random.Generator,
) -> None:
    """Take the windows of one level."""
    corners, logits = _windows(level, output)
    windows = np.hstack([corners + 1, corners + CELL]) / scale
    near = overlaps(windows, squared(shown.boxes))
    nearest, overlap = near.argmax(axis=1), near.max(axis=1)
    other = overlaps(windows, squared(shown.others)).max(axis=1, initial=0)
    free = np.flatnonzero((overlap < BACKGROUND_TO) & (other < BACKGROUND_TO))
    hard = free[logits[free] > LIKELY]
    part = (overlap >= PART_FROM) & (overlap < PART_TO)
    picked = {
        FACE: some(np.flatnonzero(overlap >= FACE_FROM), FACES * len(shown.boxes), rng),
        PART: some(np.flatnonzero(part), PARTS * len(shown.boxes), rng),
        BACKGROUND: np.concatenate([some(hard, HARD, rng), some(free, ANY, rng)]),
    }
    for kind, rows in picked.items():
        for row in rows:
            column, line = corners[row]
            face = None if kind == BACKGROUND else shown.boxes[nearest[row]]
            found.add(
                level[line : line + CELL, column : column + CELL],
                kind,
                windows[row],
                REACH / scale,
                face,
                masked=kind != BACKGROUND and bool(shown.masked[nearest[row]]),
            )


def _windows(level: Picture, output: NDArray[np.float32]) -> tuple[Rows, Scores]:
    """Left and top of the windows that lie in the level, n x 2, and their logits."""
    rows, columns = ((length - CELL) // STRIDE + 1 for length in level.shape[:2])
    logits = output[:rows, :columns, -1]
    line, column = np.divmod(np.arange(logits.size), logits.shape[1])
    return np.stack([column, line], axis=1) * STRIDE, logits.reshape(-1).astype(float)
