"""What R-Net and O-Net learn from: what the nets before them let pass."""

from collections.abc import Callable, Iterable

import numpy as np

from edge.bundle import Input
from edge.values import Pixels
from edge.vision.boxes import Rows
from edge.vision.sampling import QuickSampling
from train.detector.overlaps import overlaps
from train.detector.samples import BACKGROUND, FACE, PART, Collector, Samples, some
from train.detector.views import View

FACE_FROM, PART_FROM, BACKGROUND_TO = 0.5, 0.35, 0.3
"""Overlap of a candidate with a face.

Lower than in Zhang et al., 2016 (0.65, 0.4, 0.3): candidates are square, and faces are drawn
as tall rectangles, so that even the best candidate shares no more than three quarters with one.
"""
FACES, PARTS, BACKGROUNDS = 8, 3, 80
"""Candidates of a photo, at most: for each face, for each face, and in all."""
MOVED, SCALED = 0.2, (0.8, 1.25)
"""How far from a face's own square, in its sides, the nets must still see it."""
SQUARES = 4
"""Squares near each face that are shown beside the candidates."""
SMALLEST = 14.0
"""Pixels of the smallest face shown."""

Propose = Callable[[Pixels], Rows]
"""Squares of a picture, n x 4, that the nets before take for faces."""


def collect_candidates(
    views: Iterable[View],
    propose: Propose,
    side: int,
    source: Input,
    known: Callable[[Pixels], Rows],
    rng: np.random.Generator,
) -> Samples:
    """Cut candidates that are faces, parts of them, or mistaken for one.

    Args:
        views: photos with their faces.
        propose: what the nets before let pass.
        side: of the net's pictures.
        source: how the device makes inputs of pixels.
        known: faces that another detector is sure of: where nobody labelled them they are no
            background, for not every face in a crowd is labelled.
        rng: draws among the candidates.
    """
    found = Collector()
    for shown in views:
        squares = np.concatenate([propose(shown.pixels), _near(shown.boxes, rng)])
        if not len(squares):
            continue
        near = overlaps(squares, shown.boxes)
        nearest, overlap = near.argmax(axis=1), near.max(axis=1)
        left_alone = np.concatenate([shown.others, known(shown.pixels)])
        other = overlaps(squares, left_alone).max(axis=1, initial=0)
        part = (overlap >= PART_FROM) & (overlap < FACE_FROM)
        free = (overlap < BACKGROUND_TO) & (other < BACKGROUND_TO)
        picked = {
            FACE: some(np.flatnonzero(overlap >= FACE_FROM), FACES * len(shown.boxes), rng),
            PART: some(np.flatnonzero(part), PARTS * len(shown.boxes), rng),
            BACKGROUND: some(np.flatnonzero(free), BACKGROUNDS, rng),
        }
        height, width = shown.pixels.shape[:2]
        sampling = QuickSampling((width, height), (), source)
        sampling.see(shown.pixels)
        for kind, rows in picked.items():
            patches = sampling.patches(squares[rows], side)
            for row, patch in zip(rows, patches, strict=True):
                face = None if kind == BACKGROUND else shown.boxes[nearest[row]]
                found.add(
                    patch,
                    kind,
                    squares[row],
                    # R-Net and O-Net count the pixels of both edges.
                    squares[row, 2] - squares[row, 0] + 1,
                    face,
                    masked=kind != BACKGROUND and bool(shown.masked[nearest[row]]),
                )
    return found.samples()


def _near(boxes: Rows, rng: np.random.Generator) -> Rows:
    """Squares about as large as the faces and about where they are."""
    large = boxes[(boxes[:, 2:] - boxes[:, :2]).max(axis=1) >= SMALLEST]
    boxes = np.repeat(large, SQUARES, axis=0)
    size = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 + rng.uniform(-MOVED, MOVED, (len(boxes), 2)) * size
    half = size * rng.uniform(*SCALED, (len(boxes), 1)) / 2
    return np.hstack([middle - half, middle + half])
