"""A frame as a JPEG, for those who look from afar."""

import cv2

from edge.values import Pixels

LONGEST_SIDE = 1280
"""Pixels; a larger frame is made smaller."""
QUALITY = 85


def to_jpeg(pixels: Pixels) -> bytes:
    """Encode a picture.

    Args:
        pixels: RGB uint8, height x width x 3; stays as it is.
    """
    height, width = pixels.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        smaller = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    else:
        smaller = pixels
    bgr = cv2.cvtColor(smaller, cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return content.tobytes()
