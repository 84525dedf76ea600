"""Shows a face as an entrance might: tilted, blurred, badly lit, far off, compressed.

Every step takes and returns RGB uint8, height x width x 3, and draws from the generator it is
given, so that the same seed gives the same pictures.
"""

import cv2
import numpy as np

from edge.values import Box, Pixels
from edge.vision.cut import cut_face
from train.data.annotations import BARE, MASKED
from train.data.patches import Patch
from train.feed.occluders import before_another_background, with_occluder

SQUEEZED = 0.4
"""Share of the faces that are stretched as one that turns or bows."""
OCCLUDED = {MASKED: 0.2, BARE: 0.36}
"""Share of the faces that something hides from below or from a side. More of the bare ones, for
those are what a model that knows masks gets wrong: a hidden mouth is no mask."""
ELSEWHERE = 0.3
"""Share of the faces that are put before another picture's background."""
CROPPED = 0.3
"""Share of the others that are cut off at the border of their picture."""
HIGHEST = {MASKED: 0.7, BARE: 0.48}
"""How far up it may reach, from the top of the cut: a mask must stay in sight."""


def augmented_cut(
    patch: Patch, size: int, margin: float, rng: np.random.Generator, other: Pixels
) -> Pixels:
    """Cut a face as a detector that is never quite right would, and disturb the picture.

    Args:
        patch: the face and its surroundings.
        size: side of the result in pixels.
        margin: what the device's cut adds around the box, see `cut_face`.
        rng: source of all randomness.
        other: another picture, RGB uint8, whose surroundings may get in front of this face.

    Returns:
        RGB uint8, size x size x 3.
    """
    pixels = _tilted(patch.pixels, rng) if rng.random() < 0.5 else patch.pixels
    face = cut_face(pixels, _jittered(patch.box, rng), size, margin)
    if rng.random() < SQUEEZED:
        face = _squeezed(face, rng)
    if rng.random() < ELSEWHERE:
        face = before_another_background(face, other, rng)
    elif rng.random() < CROPPED:
        face = _cropped_tightly(face, rng)
    if rng.random() < OCCLUDED[patch.label]:
        face = with_occluder(face, HIGHEST[patch.label], other, rng)
    for chance, change in (
        (0.5, _mirrored),
        (0.12, dotted),
        (0.35, _far_off),
        (0.15, shaken),
        (0.15, lit_from_one_side),
        (1.0, lit),
        (0.2, noisy),
        (0.3, compressed),
    ):
        if rng.random() < chance:
            face = change(face, rng)
    return np.ascontiguousarray(face)


def _jittered(box: Box, rng: np.random.Generator) -> Box:
    side = max(box.width, box.height)
    half = side / 2 * float(np.clip(np.exp(rng.normal(0, 0.17)), 0.7, 1.6))
    x, y = box.centre
    x += side * float(np.clip(rng.normal(0, 0.06), -0.2, 0.2))
    y += side * float(np.clip(rng.normal(0, 0.06), -0.2, 0.2))
    return Box(x - half, y - half, x + half, y + half)


def _tilted(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    side = pixels.shape[0]
    angle = float(np.clip(rng.normal(0, 14), -40, 40))
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1)
    turned = cv2.warpAffine(pixels, turn, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


def _squeezed(face: Pixels, rng: np.random.Generator) -> Pixels:
    """Stretch the face unevenly, as one that turns or bows looks."""
    size = face.shape[0]
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32) * (size - 1)
    middle = (size - 1) / 2
    stretched = (corners - middle) * np.clip(np.exp(rng.normal(0, 0.16, 2)), 0.6, 1.4) + middle
    # What is nearer is larger: one side of a face that turns, the brow of one that bows.
    moved = stretched + rng.normal(0, 0.06, (4, 2)) * size
    turn = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    squeezed = cv2.warpPerspective(face, turn, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(squeezed, np.uint8)


def _cropped_tightly(face: Pixels, rng: np.random.Generator) -> Pixels:
    """Repeat the edge pixels from further in, as for a face at the border of its picture."""
    size = face.shape[0]
    left, top, right, bottom = np.round(rng.uniform(0, 0.17, 4) * size).astype(int)
    inside = face[top : size - bottom, left : size - right]
    repeated = cv2.copyMakeBorder(inside, top, bottom, left, right, cv2.BORDER_REPLICATE)
    return np.asarray(repeated, np.uint8)


def _mirrored(face: Pixels, _: np.random.Generator) -> Pixels:
    return np.ascontiguousarray(face[:, ::-1])


def dotted(face: Pixels, rng: np.random.Generator) -> Pixels:
    """Put a blob over a part that does not decide: a cap, goggles, a sign before the forehead."""
    size = face.shape[0]
    centre = (int(rng.integers(0, size)), int(rng.integers(0, size // 2)))
    axes = (int(rng.integers(size // 12, size // 4)), int(rng.integers(size // 16, size // 7)))
    colour = [int(value) for value in rng.integers(0, 256, 3)]
    blob: Pixels = face.copy()
    cv2.ellipse(blob, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, cv2.FILLED)
    return blob


def _far_off(face: Pixels, rng: np.random.Generator) -> Pixels:
    size = face.shape[0]
    # Log-uniform: a face of 12 pixels is as likely as one of 24.
    small = int(np.exp(rng.uniform(np.log(12), np.log(size * 0.75))))
    shrunk = cv2.resize(face, (small, small), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)


def shaken(face: Pixels, rng: np.random.Generator) -> Pixels:
    """Blur by movement, or as out of focus."""
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(face, (0, 0), rng.uniform(0.5, 2.0)), np.uint8)
    length = int(rng.integers(3, 9))
    angle = rng.uniform(0, np.pi)
    kernel = np.zeros((length, length), np.float32)
    middle = (length - 1) / 2
    for step in np.linspace(-middle, middle, 2 * length):
        x, y = round(middle + step * np.cos(angle)), round(middle + step * np.sin(angle))
        kernel[y, x] = 1
    return np.asarray(cv2.filter2D(face, -1, kernel / kernel.sum()), np.uint8)


def lit(face: Pixels, rng: np.random.Generator) -> Pixels:
    """Change light, contrast and colour; by tables, for a table costs less than arithmetic."""
    light = np.linspace(0, 1, 256)
    if rng.random() < 0.3:
        light = light ** np.exp(rng.normal(0, 0.35))
    light = (light - 0.5) * rng.normal(1, 0.18) + 0.5 + rng.normal(0, 0.09)
    table = light[:, None] * rng.normal(1, 0.06, 3)
    face = np.asarray(
        cv2.LUT(face, np.clip(table * 255, 0, 255).astype(np.uint8).reshape(256, 1, 3)), np.uint8
    )
    # Rarely grey altogether (night vision), more often a little paler or stronger.
    saturation = 0.0 if rng.random() < 0.08 else max(0.0, rng.normal(1, 0.25))
    grey = cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(face, saturation, grey, 1 - saturation, 0), np.uint8)


def lit_from_one_side(face: Pixels, rng: np.random.Generator) -> Pixels:
    """Light one side and darken the other."""
    ramp = np.linspace(-1, 1, face.shape[0], dtype=np.float32) * np.float32(rng.uniform(-90, 90))
    added = ramp[:, None, None] if rng.random() < 0.5 else ramp[None, :, None]
    return np.asarray(np.clip(face + added, 0, 255), np.uint8)


def noisy(face: Pixels, rng: np.random.Generator) -> Pixels:
    """Add the noise of a sensor in poor light."""
    noise = rng.standard_normal(face.shape, np.float32) * np.float32(rng.uniform(2, 14))
    return np.asarray(np.clip(face + noise, 0, 255), np.uint8)


def compressed(face: Pixels, rng: np.random.Generator) -> Pixels:
    """Compress as a camera's JPEG does."""
    quality = int(rng.integers(20, 90))
    # The codec takes its channels as blue, green, red; its colour loss is not the same for all.
    _, code = cv2.imencode(".jpg", face[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1]
