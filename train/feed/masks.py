"""Draws masks on bare faces by their landmarks.

The same face with and without a mask teaches what a mask is, and not which collection a picture
comes from; the looks go beyond what the collections hold: any colour, patterns, skin tones.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.values import Landmarks, Pixels
from train.data.annotations import MASKED
from train.data.patches import Patch

Colours = NDArray[np.float32]
"""Colours 0..255, height x width x 3."""


def with_mask(patch: Patch, rng: np.random.Generator) -> Patch:
    """Draw a random mask on the face of a patch that has landmarks.

    Raises:
        ValueError: the patch has no landmarks.
    """
    if patch.landmarks is None:
        raise ValueError("a mask needs landmarks to be drawn by")
    return replace(patch, pixels=draw_mask(patch.pixels, patch.landmarks, rng), label=MASKED)


def draw_mask(pixels: Pixels, landmarks: Landmarks, rng: np.random.Generator) -> Pixels:
    """Draw a random mask on a face of a picture; gives another picture."""
    outline = _outline(landmarks, rng)
    cover = np.zeros(pixels.shape[:2], np.uint8)
    # OpenCV takes coordinates as integers with 4 bits of fraction.
    cv2.fillPoly(cover, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    alpha = np.asarray(cover[:, :, None] / 255, np.float32)
    cloth = _cloth(pixels.shape[:2], outline, rng)
    if rng.random() < 0.15:
        _put_valves(cloth, outline, rng)
    cloth = np.multiply(cloth, _folds(pixels, alpha, outline, rng))
    drawn = pixels * (1 - alpha) + np.clip(cloth, 0, 255) * alpha
    return np.asarray(drawn, np.uint8)


def _outline(face: Landmarks, rng: np.random.Generator) -> NDArray[np.float64]:
    """Outline a mask: bridge of the nose, cheeks, jaw, chin (points x 2, pixels)."""
    left_eye, right_eye, nose, mouth_left, mouth_right = (
        np.array(point)
        for point in (
            face.left_eye,
            face.right_eye,
            face.nose,
            face.mouth_left,
            face.mouth_right,
        )
    )
    eyes, mouth = (left_eye + right_eye) / 2, (mouth_left + mouth_right) / 2
    down = mouth - eyes
    across = right_eye - left_eye
    # A face turned aside shows less of the cheek that the nose points to.
    turn = np.clip(np.dot(nose - eyes, across) / (np.dot(across, across) + 1e-6), -0.5, 0.5)
    wide = rng.uniform(0.85, 1.15)
    left, right = -across * wide * (0.95 + turn), across * wide * (0.95 - turn)
    bridge = eyes + down * rng.uniform(0.2, 0.5)
    cheek = eyes + down * rng.uniform(0.4, 0.62)
    jaw = mouth + down * rng.uniform(-0.1, 0.2)
    chin = mouth + down * rng.uniform(0.45, 0.7)
    points = [
        cheek + left,
        (cheek + left * 0.5) * 0.5 + (bridge + left * 0.35) * 0.5,
        bridge + left * 0.12,
        bridge + right * 0.12,
        (cheek + right * 0.5) * 0.5 + (bridge + right * 0.35) * 0.5,
        cheek + right,
        jaw + right * 0.92,
        chin + right * 0.45,
        chin,
        chin + left * 0.45,
        jaw + left * 0.92,
    ]
    wobble = rng.normal(0, 0.02 * float(np.linalg.norm(across)) + 1e-6, (len(points), 2))
    return np.array(points) + wobble


def _cloth(
    shape: tuple[int, ...], outline: NDArray[np.float64], rng: np.random.Generator
) -> Colours:
    """Weave a plain or patterned cloth of any colour (height x width x 3)."""
    colour = _colour(rng)
    cloth = np.full((*shape, 3), colour, np.float32)
    if rng.random() < 0.65:
        return cloth
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    width = max(2.0, float(np.ptp(outline[:, 0])))
    angle, period = rng.uniform(0, np.pi), width / rng.uniform(3, 14)
    along = (x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period
    beside = (y * np.cos(angle) - x * np.sin(angle)) * 2 * np.pi / period
    kind = rng.integers(4)
    if kind == 0:
        ink = np.sin(along) > rng.uniform(-0.3, 0.6)
    elif kind == 1:
        ink = (np.sin(along) > 0) ^ (np.sin(beside) > 0)
    elif kind == 2:
        ink = np.sin(along) * np.sin(beside) > rng.uniform(0.2, 0.7)
    else:
        # Camouflage and prints: blotches of smooth noise.
        noise = rng.normal(0, 1, shape).astype(np.float32)
        ink = cv2.GaussianBlur(noise, (0, 0), max(0.8, period / 4)) > 0
    return np.ascontiguousarray(np.where(np.asarray(ink)[:, :, None], _colour(rng), cloth))


def _put_valves(cloth: Colours, outline: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Put the one or two valves of a respirator on a cloth."""
    width, (x, y) = float(np.ptp(outline[:, 0])), outline.mean(axis=0)
    radius = max(1.0, width * rng.uniform(0.06, 0.12))
    aside = width * rng.uniform(0.12, 0.3)
    sides = ((-1, 1), (-1,), (1,))[rng.integers(3)]
    colour = rng.choice([30, 110, 200, 240]) + rng.normal(0, 10, 3)
    for side in sides:
        middle = (round(x + side * aside), round(y + radius * rng.uniform(-1, 1)))
        cv2.circle(cloth, middle, round(radius), colour.tolist(), cv2.FILLED, cv2.LINE_AA)
        rim = (colour * rng.uniform(0.5, 0.8)).tolist()
        cv2.circle(cloth, middle, round(radius), rim, max(1, round(radius / 5)), cv2.LINE_AA)
        cv2.circle(cloth, middle, round(radius / 2), rim, max(1, round(radius / 8)), cv2.LINE_AA)


def _colour(rng: np.random.Generator) -> Colours:
    usual = {
        "surgical": (150, 195, 215),
        "white": (232, 232, 228),
        "black": (32, 32, 36),
        "grey": (120, 120, 125),
        "skin": (205, 160, 130),
        "navy": (40, 50, 90),
        "pink": (225, 160, 175),
        "beige": (215, 190, 160),
        "green": (160, 205, 185),
        "yellow": (235, 225, 150),
    }
    if rng.random() < 0.3:
        return rng.uniform(10, 250, 3).astype(np.float32)
    base = np.array(list(usual.values())[rng.integers(len(usual))])
    return np.clip(base + rng.normal(0, 16, 3), 0, 255).astype(np.float32)


def _folds(
    pixels: Pixels, alpha: Colours, outline: NDArray[np.float64], rng: np.random.Generator
) -> Colours:
    """Light and shade on the cloth: the face's own light, a rounded form, pleats."""
    height, wide = pixels.shape[:2]
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    width = max(2.0, float(np.ptp(outline[:, 0])))
    smooth = _blurred(grey, width / 5)
    inside = max(float((smooth * alpha[:, :, 0]).sum() / (alpha.sum() + 1e-6)), 1.0)
    light = np.clip(smooth / inside, 0.6, 1.4) * np.float32(np.clip(inside / 135, 0.45, 1.25))
    y, x = np.mgrid[0:height, 0:wide].astype(np.float32)
    middle_x, middle_y = outline.mean(axis=0)
    round_off = 1 - 0.25 * ((x - middle_x) / width * 2) ** 2
    if rng.random() < 0.6:
        tall = max(2.0, float(np.ptp(outline[:, 1])))
        pleats = np.sin((y - middle_y) / tall * 2 * np.pi * rng.uniform(1.5, 3.5))
        round_off = round_off + np.float32(rng.uniform(0.02, 0.1)) * pleats
    return np.asarray(light * round_off, np.float32)[:, :, None]


def _blurred(grey: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur so widely that a quarter of the pixels tells as much, in a sixteenth of the time."""
    height, width = grey.shape
    small = cv2.resize(
        grey, (max(2, width // 4), max(2, height // 4)), interpolation=cv2.INTER_AREA
    )
    small = cv2.GaussianBlur(small, (0, 0), max(0.3, sigma / 4))
    return np.asarray(cv2.resize(small, (width, height)), np.float32)
