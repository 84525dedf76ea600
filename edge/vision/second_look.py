"""A second look of a single-shot net at what it is not sure of: nearer, and in a mirror.

A net that has seen a face at one size and place sees another picture when the same face is shown
larger, in the middle and mirrored; what it was wrong about by chance, it seldom is twice. Few finds
are doubtful, so that it costs next to nothing on most frames.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.values import Pixels
from edge.vision.boxes import Rows, Scores, joined, overlaps
from edge.vision.cells import faces_in_cells
from edge.vision.faces import logit_of, probabilities
from edge.vision.net import Net
from edge.vision.sampling import Sampling

SIDE, FACE = 128, 56.0
"""Sides of the picture, and of the face in its middle, pixels: of 24 to 120, and with more and less
around it, this told faces best on photos held back."""
DOUBTFUL = (0.65, 0.92)
"""Probabilities between which the net is asked again, once O-Net has spoken: it is asked first, for
it takes a third of the time and settles most of what is none. What is less sure stays so: asking
from 0.57 on gained nothing on photos held back."""
SAME = 0.5
"""Overlap with the find from which on a cell speaks of it."""
NO_FACE = -4.0
"""Logit of a find that no cell speaks of, or speaks of less."""
LIMIT = 16
"""Finds that are looked at again, the surest first: a noisy frame must not hold up the camera."""


class SecondLook:
    """Looks again at doubtful finds."""

    faintest = logit_of(DOUBTFUL[0])
    """Logit of the first look from which on a find may become a face."""

    def __init__(self, net: Net) -> None:
        """Take the net.

        Args:
            net: the single-shot net, ready for pictures of SIDE x SIDE.
        """
        self._net = net
        self._most = logit_of(DOUBTFUL[1])

    def look(
        self, sampling: Sampling, boxes: Rows, first: Scores, so_far: Scores
    ) -> tuple[Rows, Scores]:
        """Look at the finds of a frame.

        Args:
            sampling: has seen the frame.
            boxes: n x 4, in pixels of the frame.
            first: n, logits of the first look.
            so_far: n, the same after what O-Net says against them.

        Returns:
            The boxes and the logits, of the doubtful ones the means of both looks in place of the
            first's.
        """
        rows = np.flatnonzero((so_far >= self.faintest) & (so_far < self._most))
        if not rows.size:
            return boxes, so_far
        rows = rows[np.argsort(-so_far[rows], kind="stable")][:LIMIT]
        middles = (boxes[rows, :2] + boxes[rows, 2:]) / 2
        sizes = boxes[rows, 2:] - boxes[rows, :2]
        reach = sizes.max(axis=1, keepdims=True) * (SIDE / FACE / 2)
        squares = np.hstack([middles - reach, middles + reach])
        scales = reach / (SIDE / 2)
        boxes, logits = boxes.copy(), so_far.copy()
        for row, size, scale, patch in zip(
            rows, sizes, scales, sampling.patches(squares, SIDE), strict=True
        ):
            mirrored = np.asarray(cv2.flip(patch, 1), np.uint8)
            off, logit = self._said_of(mirrored, size / scale)
            boxes[row] += off * scale / 2
            logits[row] += (logit - first[row]) / 2
        return boxes, logits

    def _said_of(
        self, mirrored: Pixels, size: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float]:
        """How far from a box of a size in the middle a face is, not mirrored, and its logit."""
        boxes, logits = faces_in_cells(self._net.run(mirrored), NO_FACE)
        there = SIDE / 2 + np.concatenate([-size, size]) / 2
        same = np.flatnonzero(overlaps(boxes, there[np.newaxis])[:, 0] >= SAME)
        if not same.size:
            return np.zeros(4), NO_FACE
        boxes, logits = boxes[same], logits[same]
        surest = np.argmax(logits, keepdims=True)
        left, top, right, bottom = joined(boxes, probabilities(logits), surest, SAME)[0] - there
        return np.array([-right, top, -left, bottom]), float(logits[surest[0]])
