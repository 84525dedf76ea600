"""MTCNN's first stage: P-Net slides over the frame at many sizes and proposes boxes."""

from collections.abc import Callable, Iterator

import numpy as np

from edge.vision.boxes import Rows, Scores, best_apart, squared
from edge.vision.net import Net
from edge.vision.sampling import Picture, Sampling, Size

CELL = 12
"""Side of the window that P-Net judges, pixels of the level (Zhang et al., 2016)."""
STRIDE = 2
"""Step from one window to the next: P-Net pools once, by 2."""
REACH = CELL - 1
"""Width that the `mtcnn` package gives a window: from 2i+1 to 2i+12."""
SAME_LEVEL, ACROSS_LEVELS = 0.5, 0.7
"""Overlaps above which the worse of two proposals is dropped; the `mtcnn` package's."""
NO_BOXES, NO_SCORES = np.empty((0, 4)), np.empty(0)
STRIP_PIXELS = 1 << 17
"""Pixels of a level that P-Net takes at once: with about 200 bytes for each, 26 MB.

At the package's settings the largest level of a 640x480 frame fits whole.
"""


class Pyramid:
    """P-Net held ready at every size of one frame size."""

    def __init__(
        self, size: Size, min_face: float, factor: float, open_net: Callable[[Size], Net]
    ) -> None:
        """Open P-Net for every level.

        Args:
            size: of the frames.
            min_face: smallest face looked for, pixels of the frame.
            factor: scale from one level to the next, less than 1.
            open_net: opens P-Net for pictures of a size.

        Raises:
            MaskGateError: P-Net cannot be opened.
        """
        self.size = size
        self._scales = scales(size, min_face, factor)
        self.levels = [(int(size[0] * scale), int(size[1] * scale)) for scale in self._scales]
        needed = {
            (width, rows) for width, height in self.levels for _, rows in strips(width, height)
        }
        self._nets = {strip: open_net(strip) for strip in needed}

    def propose(self, sampling: Sampling, threshold: float, limit: int) -> Rows:
        """Find where faces may be.

        Args:
            sampling: makes the levels of the frame, of this pyramid's size, that it sees.
            threshold: logit that a proposal must exceed.
            limit: proposals kept of each level, and of all of them.

        Returns:
            At most `limit` squares in pixels of the frame, the best first; may reach beyond it.
        """
        boxes, scores = [NO_BOXES], [NO_SCORES]
        for scale, level in zip(self._scales, sampling.levels(), strict=True):
            found, logits = self._judge(level, threshold)
            if not len(found):
                continue
            kept = best_apart(found, logits, SAME_LEVEL, limit)
            boxes.append(found[kept] / scale)
            scores.append(logits[kept])
        every, logits = np.concatenate(boxes), np.concatenate(scores)
        return squared(every[best_apart(every, logits, ACROSS_LEVELS, limit)])

    def _judge(self, level: Picture, threshold: float) -> tuple[Rows, Scores]:
        """The windows of a level that may show a face, in pixels of the level."""
        height, width = level.shape[:2]
        boxes, scores = [NO_BOXES], [NO_SCORES]
        for top, rows in strips(width, height):
            output = self._nets[width, rows].run(level[top : top + rows])
            cells = output.reshape(-1, output.shape[2])
            hits = np.flatnonzero(cells[:, 4] > threshold)
            if not len(hits):
                continue
            row, column = np.divmod(hits, output.shape[1])
            windows = cells[hits].astype(np.float64)
            found = windows[:, :4] * REACH
            found[:, 0::2] += (column * STRIDE + 1)[:, None]
            found[:, 1::2] += (row * STRIDE + 1 + top)[:, None]
            found[:, 2:] += REACH
            boxes.append(found)
            scores.append(windows[:, 4])
        return np.concatenate(boxes), np.concatenate(scores)


def scales(size: Size, min_face: float, factor: float) -> list[float]:
    """Scales at which a face of `min_face` pixels, or larger, fills P-Net's window."""
    found = []
    scale = CELL / min_face
    while int(min(size) * scale) >= CELL:
        found.append(scale)
        scale *= factor
    return found


def strips(width: int, height: int) -> Iterator[tuple[int, int]]:
    """Cut a level into (top, rows) so that P-Net sees each of its windows once.

    Every top is even: the windows lie where they would in the uncut level.
    """
    rows = max(STRIP_PIXELS // width // 2 * 2, 4 * CELL)
    top = 0
    while top + rows < height:
        yield top, rows
        top += rows - (CELL - STRIDE)
    yield top, height - top
