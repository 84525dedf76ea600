"""The order of colours: OpenCV reads blue, green, red, and everything here is red, green, blue."""

import cv2
import numpy as np
from cv2.typing import MatLike

from edge.values import Pixels


def to_rgb(bgr: MatLike) -> Pixels:
    """Turn what OpenCV has read into RGB.

    Args:
        bgr: BGR uint8, height x width x 3, contiguous; overwritten, for a copy of a large picture
            costs time and memory.

    Returns:
        RGB uint8, height x width x 3, contiguous.
    """
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=bgr), np.uint8)
