"""MTCNN's first stage: P-Net slides over the frame at many scales and proposes boxes."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.boxes import Rows, Scores, best, not_overlapped, squared
from edge.net import Net
from edge.values import Pixels

CELL = 12
"""Side of the window that P-Net judges, pixels of the level (Zhang et al., 2016)."""
STRIDE = 2
"""Step from one window to the next: P-Net has one 2x2 pooling."""
REACH = CELL - 1
"""Width that the `mtcnn` package gives a window: from 2i+1 to 2i+12."""
SAME_LEVEL, ACROSS_LEVELS = 0.5, 0.7
"""Overlaps above which the worse of two proposals is dropped; the `mtcnn` package's."""
STRIP_PIXELS = 1 << 18
"""Pixels of a level that P-Net takes at once: about 80 bytes each while it runs, so 20 MB.

Every level of a 640x480 or 1920x1080 frame at the default settings fits; an 8K frame is cut.
"""

OpenNet = Callable[[tuple[int, int]], Net]
"""Opens P-Net for pictures of (width, height)."""


def scales(width: int, height: int, min_face: float, factor: float) -> list[float]:
    """Scales at which a face of `min_face` pixels, or larger, fills P-Net's window."""
    scale = CELL / min_face
    found = []
    while min(width, height) * scale >= CELL:
        found.append(scale)
        scale *= factor
    return found


def strips(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Cut a level into (top, rows) so that P-Net sees each window whole, once.

    Every top is even: the windows lie where they would in the uncut level.
    """
    rows = max(STRIP_PIXELS // width & ~1, 4 * CELL)
    top = 0
    while top + rows < height:
        yield top, rows
        top += rows - (CELL - STRIDE)
    yield top, height - top


class Pyramid:
    """P-Net held ready at every scale of one frame size."""

    def __init__(
        self, size: tuple[int, int], min_face: float, factor: float, open_net: OpenNet
    ) -> None:
        """Open P-Net for every level.

        Args:
            size: (width, height) of the frames.
            min_face: smallest face looked for, pixels of the frame.
            factor: scale from one level to the next, less than 1.
            open_net: opens P-Net for pictures of a size.

        Raises:
            MaskGateError: P-Net cannot be opened.
        """
        width, height = self.size = size
        self._scales = scales(width, height, min_face, factor)
        self._nets: dict[tuple[int, int], Net] = {}
        for scale in self._scales:
            level_width, level_height = int(width * scale), int(height * scale)
            for _, rows in strips(level_height, level_width):
                if (level_width, rows) not in self._nets:
                    self._nets[level_width, rows] = open_net((level_width, rows))

    def propose(self, pixels: Pixels, threshold: float, limit: int) -> Rows:
        """Find where faces may be.

        Args:
            pixels: a frame of this pyramid's size.
            threshold: logit that a proposal must exceed.
            limit: proposals kept of each level, and of all of them.

        Returns:
            At most `limit` squares in pixels of the frame, the best first; may reach beyond it.
        """
        boxes, scores = [np.empty((0, 4))], [np.empty(0)]
        for scale, level in self._levels(pixels):
            found, logits = self._judge(level, threshold)
            if len(logits):
                found, logits = _kept(found / scale, logits, SAME_LEVEL, limit)
                boxes.append(found)
                scores.append(logits)
        every, _ = _kept(np.concatenate(boxes), np.concatenate(scores), ACROSS_LEVELS, limit)
        return squared(every)

    def _levels(self, pixels: Pixels) -> Iterator[tuple[float, Pixels]]:
        """The frame at each scale, the largest first."""
        width, height = self.size
        octave = pixels
        for scale in self._scales:
            level_width, level_height = int(width * scale), int(height * scale)
            while octave.shape[1] >= 2 * level_width and octave.shape[0] >= 2 * level_height:
                octave = _resized(
                    octave, octave.shape[1] // 2, octave.shape[0] // 2, cv2.INTER_AREA
                )
            yield scale, _resized(octave, level_width, level_height, cv2.INTER_LINEAR)

    def _judge(self, level: Pixels, threshold: float) -> tuple[Rows, Scores]:
        """The windows of a level that may show a face, in pixels of the level."""
        height, width = level.shape[:2]
        boxes, scores = [], []
        for top, rows in strips(height, width):
            output = self._nets[width, rows].run(level[top : top + rows])
            row, column = np.nonzero(output[..., 4] > threshold)
            cells = output[row, column].astype(np.float64)
            corner = STRIDE * np.stack([column, row], axis=1) + 1.0
            corner[:, 1] += top
            boxes.append(np.hstack([corner, corner + REACH]) + cells[:, :4] * REACH)
            scores.append(cells[:, 4])
        return np.concatenate(boxes), np.concatenate(scores)


def _kept(
    boxes: Rows, scores: Scores, threshold: float, limit: int
) -> tuple[Rows, NDArray[np.float64]]:
    top = best(scores, limit)
    boxes, scores = boxes[top], scores[top]
    kept = not_overlapped(boxes, scores, threshold)
    return boxes[kept], scores[kept]


def _resized(pixels: Pixels, width: int, height: int, way: int) -> Pixels:
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=way), np.uint8)
