"""Cut a face out of a frame, alike for training and for the device.

A model is trained on the very pixels that the device will show it, so this is the only place
where a face is cut and resized.
"""

import cv2
import numpy as np

from edge.values import Box, Pixels


def whole_picture(pixels: Pixels) -> Box:
    """Box the face of a picture that shows one face and little else.

    A tenth inside the picture's borders, for such pictures are cut with some room around.
    """
    height, width = pixels.shape[:2]
    return Box(width * 0.1, height * 0.1, width * 0.9, height * 0.9)


def cut_face(pixels: Pixels, box: Box, size: int, margin: float) -> Pixels:
    """Cut the square around a face and resize it.

    The square shares the box's centre; its side is the box's longer side, widened by `margin`.
    What lies outside the picture repeats its nearest edge pixel, so a face at the border keeps
    its proportions.

    Args:
        pixels: RGB uint8, height x width x 3.
        box: the face in pixels of the picture; may reach beyond it.
        size: side of the result in pixels.
        margin: share of the longer side added to it, e.g. 0.2 for a tenth on either side.

    Returns:
        RGB uint8, size x size x 3, contiguous.
    """
    height, width = pixels.shape[:2]
    side = max(2, round(max(box.width, box.height) * (1 + margin)))
    centre_x, centre_y = box.centre
    # A box far outside would otherwise ask for a border as wide as its distance.
    left = min(max(round(centre_x - side / 2), -side + 1), width - 1)
    top = min(max(round(centre_y - side / 2), -side + 1), height - 1)
    right, bottom = left + side, top + side
    inside = pixels[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    border = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
    if any(border):
        inside = np.asarray(cv2.copyMakeBorder(inside, *border, cv2.BORDER_REPLICATE), np.uint8)
    # AREA averages all pixels when shrinking; LINEAR is the cheap choice when enlarging.
    smooth = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(inside, (size, size), interpolation=smooth), np.uint8)
