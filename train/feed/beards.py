"""Draws beards on bare faces by their landmarks: a dark lower face is not always a mask."""

from dataclasses import replace

import cv2
import numpy as np

from train.data.patches import Patch
from train.feed.occluders import hair


def with_beard(patch: Patch, rng: np.random.Generator) -> Patch:
    """Draw a random beard on a bare face.

    Raises:
        ValueError: the patch has no landmarks.
    """
    if patch.landmarks is None:
        raise ValueError("a beard needs landmarks to be drawn by")
    face, size = patch.landmarks, patch.pixels.shape[0]
    eyes = (np.array(face.left_eye) + face.right_eye) / 2
    left, right = np.array(face.mouth_left), np.array(face.mouth_right)
    mouth, across = (left + right) / 2, right - left
    down = mouth - eyes
    width = float(np.linalg.norm(across)) + 1e-6
    high = rng.uniform(-0.35, 0.05)
    outline = [
        mouth - across * rng.uniform(0.75, 1.05) + down * high,
        mouth - across * 0.5 - down * rng.uniform(0.0, 0.2),
        mouth - down * rng.uniform(0.1, 0.28),
        mouth + across * 0.5 - down * rng.uniform(0.0, 0.2),
        mouth + across * rng.uniform(0.75, 1.05) + down * high,
        mouth + across * rng.uniform(0.6, 0.85) + down * 0.35,
        mouth + down * rng.uniform(0.45, 0.85),
        mouth - across * rng.uniform(0.6, 0.85) + down * 0.35,
    ]
    cover = np.zeros((size, size), np.uint8)
    cv2.fillPoly(cover, [np.round(outline).astype(np.int32)], 255)
    angle = float(np.degrees(np.arctan2(across[1], across[0])))
    lips = (max(1, round(width * 0.42)), max(1, round(width * rng.uniform(0.1, 0.22))))
    middle = tuple(int(v) for v in np.round(mouth))
    cv2.ellipse(cover, middle, lips, angle, 0, 360, 0, cv2.FILLED)
    soft = cv2.GaussianBlur(cover, (0, 0), max(0.5, width * float(rng.uniform(0.05, 0.15))))
    alpha = np.asarray(soft, np.float32)[:, :, None] / 255 * np.float32(rng.uniform(0.5, 0.95))
    drawn = patch.pixels * (1 - alpha) + hair(size, rng) * alpha
    return replace(patch, pixels=drawn.astype(np.uint8))
