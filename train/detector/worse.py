"""Makes photos worse, as entrances may be: out of focus, in the dark, against the light.

Photos to judge by are mostly taken by people who saw to the light and the focus. What a detector
loses when nobody did is told by the same photos, with the same labels.
"""

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from edge.values import Pixels
from edge.vision.boxes import Rows

Change = Callable[[Pixels, Rows], Pixels]
"""Of a photo (height x width x 3, RGB uint8) and its labelled faces, n x 4, makes a worse one."""
AS_THEY_ARE = "as they are"
"""What photos are called that were not made worse."""
NOISE = 4.0
"""Deviation of a sensor's noise in the dark, of 0..255."""


def unchanged(pixels: Pixels, faces: Rows) -> Pixels:  # noqa: ARG001
    """Leave a photo as it is."""
    return pixels


def out_of_focus(pixels: Pixels, faces: Rows, radius: float) -> Pixels:
    """Draw each point out to a disc, as a lens does, and other than the training does.

    Args:
        pixels: the photo.
        faces: by whose median size it is done.
        radius: of the disc, in sizes of a face.
    """
    if not len(faces):
        return pixels
    size = float(np.median((faces[:, 2:] - faces[:, :2]).max(axis=1)))
    reach = np.arange(-int(size * radius + 1), int(size * radius + 1) + 1)
    away = np.hypot(reach[:, None], reach[None, :])
    # Its edge as far as it covers a pixel: of a small disc little else is there.
    disc = np.clip(size * radius + 0.5 - away, 0, 1)
    return np.asarray(cv2.filter2D(pixels, -1, disc / disc.sum()), np.uint8)


def dark(pixels: Pixels, faces: Rows) -> Pixels:  # noqa: ARG001
    """Leave an eighth of the light, and a sensor's noise."""
    noise = np.random.default_rng(0).normal(0, NOISE, pixels.shape)
    return np.clip(pixels * 0.125 + noise, 0, 255).astype(np.uint8)


def backlit(pixels: Pixels, faces: Rows) -> Pixels:
    """Leave faces a fifth of the light, before what is brighter than it was."""
    shade = np.zeros(pixels.shape[:2], np.float32)
    for box in faces:
        middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
        one = np.zeros_like(shade)
        middle[1] += half[1] * 0.4
        # The head with its hair, as far as the shoulders.
        ellipse = middle.tolist(), (half * (3.0, 4.0)).tolist(), 0.0
        cv2.ellipse(one, ellipse, 1.0, cv2.FILLED)
        shade = np.maximum(shade, cv2.GaussianBlur(one, (0, 0), max(0.5, half.max() * 0.2)))
    light = 1.4 - 1.2 * shade[:, :, None]
    return np.clip(pixels * light + 40 * (1 - shade[:, :, None]), 0, 255).astype(np.uint8)


CONDITIONS: Mapping[str, Change] = {
    "out of focus": lambda pixels, faces: out_of_focus(pixels, faces, 0.08),
    "far out of focus": lambda pixels, faces: out_of_focus(pixels, faces, 0.14),
    "dark": dark,
    "against the light": backlit,
}
"""By what the report calls them."""
