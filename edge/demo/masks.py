"""Masks drawn over a mouth and nose."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.values import Landmarks, Pixels, Point

Plane = NDArray[np.float32]
"""One value per pixel."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a mask is made of."""

    colour: tuple[int, int, int]
    """Red, green, blue, 0..255."""
    strings: tuple[int, int, int]
    pleats: tuple[float, ...] = ()
    """Where the folds run: 0 is the line of the eyes, 1 the chin."""
    seam: bool = False
    """Sewn together down the middle, standing off the face like a cup."""
    dots: tuple[int, int, int] | None = None
    """Colour of a printed pattern."""


SURGICAL: Final = Look((142, 190, 218), (236, 240, 242), pleats=(0.46, 0.60, 0.74))
WHITE: Final = Look((210, 216, 220), (236, 236, 232), pleats=(0.46, 0.60, 0.74))
BLACK: Final = Look((44, 44, 48), (30, 30, 32), seam=True)
DOTTED: Final = Look((58, 84, 128), (224, 226, 230), pleats=(0.52, 0.70), dots=(226, 230, 236))

# Half of the outline, right of the middle: x in half widths of the face, y from the eyes to the
# chin. The top edge lies on the bridge of the nose, the bottom one under the chin.
_EDGE: Final = (
    (0.0, 0.15), (0.14, 0.16), (0.3, 0.22), (0.55, 0.28), (0.97, 0.36), (1.0, 0.46), (0.98, 0.68),
    (0.9, 0.8), (0.72, 0.92), (0.45, 1.02), (0.2, 1.06), (0.0, 1.07),
)  # fmt: skip
_STRINGS: Final = ((0.97, 0.39), (0.97, 0.66))
_FINE: Final = 4
"""Shapes are drawn this many times larger and shrunk, for smooth edges."""


def wear(
    pixels: Pixels,
    landmarks: Landmarks,
    chin: Point,
    ears: tuple[Point, Point],
    cheeks: float,
    look: Look,
) -> Pixels:
    """Draw a mask onto a face that looks at the camera.

    Args:
        pixels: RGB uint8, height x width x 3.
        landmarks: of the face, in pixels of the picture.
        chin: lowest point of the face.
        ears: where the strings end, left and right.
        cheeks: half the width of the face at the mouth, in distances between the eyes.
        look: what mask.

    Returns:
        A copy that wears the mask.
    """
    to_picture = _axes(landmarks, chin, cheeks)
    eyes = float(np.hypot(*np.subtract(landmarks.right_eye, landmarks.left_eye)))
    outline = _outline() @ to_picture[:, :2].T + to_picture[:, 2]
    # Only the part of the picture around the mask is worked on.
    points = np.concatenate([outline, np.array(ears, np.float32)])
    left, top = np.maximum(0, np.floor(points.min(axis=0) - eyes)).astype(int)
    right, bottom = np.ceil(points.max(axis=0) + eyes).astype(int)
    drawn = np.array(pixels, np.uint8)
    part = drawn[top:bottom, left:right]
    moved = np.array([left, top], np.float32)
    to_part = to_picture - np.array([[0, 0, left], [0, 0, top]], np.float32)
    size = part.shape[1], part.shape[0]
    cover = _filled(outline - moved, size)
    strings = _strings(to_part, np.array(ears, np.float32) - moved, size)
    part[:] = _painted(part, cover, strings, _grid(to_part, size), eyes, look)
    return drawn


def _painted(
    skin: Pixels,
    cover: Plane,
    strings: Plane,
    grid: tuple[Plane, Plane],
    eyes: float,
    look: Look,
) -> Pixels:
    """The skin with mask, strings and their shadow on it."""
    across, down = grid
    light = _light(across, down, look) * _light_of_the_scene(skin, cover, eyes)
    paint = np.broadcast_to(np.array(look.colour, np.float32), skin.shape)
    if look.dots is not None:
        paint = paint + _dots(across, down)[..., None] * (np.array(look.dots, np.float32) - paint)
    painted = paint * (light * _hem(cover, eyes))[..., None]
    drawn = skin * (1 - 0.45 * _shadow(cover, strings, eyes))[..., None]
    drawn += strings[..., None] * (0.9 * np.array(look.strings, np.float32) - drawn)
    drawn += cover[..., None] * (painted - drawn)
    return np.asarray(np.clip(drawn, 0, 255), np.uint8)


def _axes(landmarks: Landmarks, chin: Point, cheeks: float) -> Plane:
    """A 2 x 3 matrix from the face's own axes to the picture.

    x is 1 at the right cheek and -1 at the left; y is 0 at the eyes and 1 at the chin.
    """
    left, right = (
        np.array(landmarks.left_eye, np.float32),
        np.array(landmarks.right_eye, np.float32),
    )
    middle = (left + right) / 2
    axes = [(right - left) * cheeks, np.array(chin, np.float32) - middle, middle]
    return np.stack(axes, axis=1).astype(np.float32)


def _outline() -> Plane:
    half = np.array(_EDGE, np.float32)
    return np.concatenate([half, half[-2:0:-1] * np.array([-1, 1], np.float32)])


def _grid(to_picture: Plane, size: tuple[int, int]) -> tuple[Plane, Plane]:
    """The face's own coordinates of each pixel."""
    back = np.asarray(cv2.invertAffineTransform(to_picture), np.float32)
    x, y = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
    across = back[0, 0] * x + back[0, 1] * y + back[0, 2]
    down = back[1, 0] * x + back[1, 1] * y + back[1, 2]
    return across, down


def _filled(outline: Plane, size: tuple[int, int]) -> Plane:
    """Share of each pixel inside a smoothed polygon, 0..1."""
    large = np.zeros((size[1] * _FINE, size[0] * _FINE), np.uint8)
    cv2.fillPoly(large, [np.round((outline + 0.5) * _FINE).astype(np.int32)], 255)
    # Blurring and cutting at one half rounds the corners off.
    large = np.asarray(cv2.GaussianBlur(large, (0, 0), 1.5 * _FINE), np.uint8)
    large = np.where(large > 127, 255, 0).astype(np.uint8)
    small = cv2.resize(large, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 0.6) / 255, np.float32)


def _strings(to_picture: Plane, ears: Plane, size: tuple[int, int]) -> Plane:
    """Share of each pixel under the ear strings, 0..1."""
    large = np.zeros((size[1] * _FINE, size[0] * _FINE), np.uint8)
    for side, ear in zip((-1, 1), ears, strict=True):
        for x, y in _STRINGS:
            start = to_picture @ np.array([side * x, y, 1], np.float32)
            points = np.round((np.stack([start, ear]) + 0.5) * _FINE).astype(np.int32)
            cv2.polylines(large, [points], False, 255, 2 * _FINE - 2, cv2.LINE_AA)  # noqa: FBT003
    small = cv2.resize(large, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small / 255, np.float32)


def _light(across: Plane, down: Plane, look: Look) -> Plane:
    """How bright the cloth is by its own shape: round over the face, folded, seamed."""
    light = 1.04 - 0.30 * np.abs(across) ** 2.2 - 0.22 * np.clip((down - 0.78) / 0.3, 0, 1) ** 1.5
    # The nose lifts the cloth, and leaves a hollow beside it.
    light += 0.07 * np.exp(-((across / 0.16) ** 2) - ((down - 0.34) / 0.14) ** 2)
    light -= 0.06 * np.exp(-(((np.abs(across) - 0.36) / 0.13) ** 2) - ((down - 0.36) / 0.1) ** 2)
    for fold in look.pleats:
        below = down - fold - 0.03 * across**2
        light -= 0.20 * np.exp(-((below / 0.013) ** 2))
        light += 0.07 * np.exp(-(((below + 0.045) / 0.03) ** 2))
    if look.seam:
        light -= 0.14 * np.exp(-((across / 0.022) ** 2)) * (down > 0.16)
        light += 0.06 * np.exp(-(((across - 0.09) / 0.06) ** 2))
        # Two creases from the seam towards the ears.
        for slope, height in ((0.12, 0.5), (-0.1, 0.82)):
            off = down - height + slope * np.abs(across)
            light -= 0.07 * np.exp(-((off / 0.02) ** 2)) * np.clip(np.abs(across) * 2 - 0.3, 0, 1)
    return np.asarray(light, np.float32)


def _light_of_the_scene(pixels: Pixels, cover: Plane, eyes: float) -> Plane:
    """How the photo's light falls onto the face: its brightness, strongly blurred, about 1."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    # Only the covered skin counts, or dark hair and clothes would stain the mask.
    near = (0, 0), 0.45 * eyes
    blurred = cv2.GaussianBlur(grey * cover, *near) / (cv2.GaussianBlur(cover, *near) + 1e-3)
    mean = float((blurred * cover).sum() / max(float(cover.sum()), 1.0))
    return np.asarray(np.clip(blurred / max(mean, 1.0), 0.7, 1.2), np.float32)


def _dots(across: Plane, down: Plane) -> Plane:
    """Share of each pixel in a printed dot, 0..1."""
    x, y = across / 0.2, down / 0.13
    x = x + 0.5 * (np.floor(y) % 2)
    off = np.hypot(x - np.floor(x) - 0.5, y - np.floor(y) - 0.5)
    return np.asarray(np.clip((0.27 - off) / 0.1 + 0.5, 0, 1), np.float32)


def _hem(cover: Plane, eyes: float) -> Plane:
    """A darker line along the edge, where the cloth is folded and sewn."""
    inside = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    stitched = np.exp(-(((inside - 0.10 * eyes) / (0.025 * eyes)) ** 2))
    rim = np.exp(-((inside / (0.03 * eyes)) ** 2))
    return np.asarray(1 - 0.08 * stitched - 0.10 * rim, np.float32)


def _shadow(cover: Plane, strings: Plane, eyes: float) -> Plane:
    """The shadow that mask and strings cast onto the skin just below them, 0..1."""
    lowered = np.array([[1, 0, 0], [0, 1, 0.05 * eyes]], np.float32)
    cast = cv2.warpAffine(np.maximum(cover, strings), lowered, cover.shape[::-1])
    return np.asarray(cv2.GaussianBlur(cast, (0, 0), 0.06 * eyes), np.float32)
