"""A second opinion on the faces that a single-shot net has found.

O-Net, the last of MTCNN's three, sees a face by itself and at its full size: what it is sure is
none, a sign or a badge, loses by that, and it knows better where eyes, nose and mouth are. It never
speaks in favour, for it was taught on bare faces: masked ones leave it in doubt.
"""

import numpy as np
from numpy.typing import NDArray

from edge.vision.boxes import Rows, Scores, squared
from edge.vision.net import Net
from edge.vision.sampling import Sampling
from edge.vision.windows import ONET_SIDE, judge_squares, landmarks


class CloserLook:
    """Looks at faces again."""

    def __init__(self, net: Net, weight: float) -> None:
        """Take O-Net.

        Args:
            net: O-Net.
            weight: how much its logit counts beside the other net's, where it speaks against.
        """
        self._net, self._weight = net, weight

    def look(
        self, sampling: Sampling, boxes: Rows, logits: Scores
    ) -> tuple[Scores, NDArray[np.float64]]:
        """Look at the faces of a frame.

        Args:
            sampling: has seen the frame.
            boxes: n x 4, in pixels of the frame.
            logits: n, of the other net.

        Returns:
            The logits of both, n, and the landmarks, n x 5 x (x, y).
        """
        squares, outputs = judge_squares(self._net, sampling, squared(boxes), ONET_SIDE)
        against = np.minimum(outputs[:, -1], 0)
        return logits + self._weight * against, landmarks(squares, outputs)
