"""The entrance that the demo's people walk through, drawn once."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from edge.values import Pixels

WIDTH: Final = 640
HEIGHT: Final = 480
DESK: Final = 370
"""First row of the desk in the foreground, which hides whoever walks behind it."""
_FLOOR: Final = 296
"""Row where wall and floor meet."""
_FRACTION: Final = 4
"""Bits behind the point in the coordinates that OpenCV draws with."""

Colour = tuple[float, float, float]
"""Red, green, blue, 0..255."""
Spots = Sequence[tuple[float, float]]
"""Points (x, y) in pixels."""

_FRAME: Final[Colour] = (66, 70, 76)
_JOINT: Final[Colour] = (140, 133, 123)
_BLUE: Final[Colour] = (0, 92, 168)
_WHITE: Final[Colour] = (255, 255, 255)


def entrance() -> Pixels:
    """An entrance hall: wall, glass door with daylight behind, floor, and a desk in front.

    Returns:
        RGB uint8, HEIGHT x WIDTH x 3.
    """
    hall = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    _wall(hall)
    _floor(hall)
    _outdoors(hall)
    _door(hall)
    _sign(hall, 542, 118)
    _plant(hall, 74, 300)
    _desk(hall)
    # A camera's picture is never perfectly smooth, and grain hides the steps of the gradients.
    grain = np.random.default_rng(7).normal(0, 1.3, (HEIGHT, WIDTH, 1))
    return np.clip(hall + grain, 0, 255).astype(np.uint8)


def _wall(hall: Pixels) -> None:
    _gradient(hall, 0, _FLOOR, (226, 222, 214), (208, 202, 192))
    # Two lamps wash the wall from above.
    for x in (118, 522):
        light = [(x - 14, -30), (x + 14, -30), (x + 90, 250), (x - 90, 250)]
        _shape(hall, light, (255, 247, 230), alpha=0.55, soft=24)
    _box(hall, (0, 0, WIDTH, 14), (244, 242, 238))
    _box(hall, (0, 14, WIDTH, 16), (196, 190, 180))
    _box(hall, (0, _FLOOR - 8, WIDTH, _FLOOR), (128, 120, 110))


def _floor(hall: Pixels) -> None:
    _gradient(hall, _FLOOR, HEIGHT, (174, 167, 156), (150, 143, 133))
    vanishing = np.array([320, 150])
    share = (_FLOOR - vanishing[1]) / (HEIGHT - vanishing[1])
    for x in range(-1400, 2100, 110):
        near = np.array([x, HEIGHT])
        _line(hall, vanishing + (near - vanishing) * share, near, _JOINT)
    for y in (303, 313, 327, 346, 372):
        _line(hall, (0, y), (WIDTH, y), _JOINT)


def _outdoors(hall: Pixels) -> None:
    """What is seen through the door: sky, trees, a pavement, all out of focus."""
    view = np.zeros_like(hall)
    _gradient(view, 0, 190, (176, 208, 236), (236, 243, 246))
    _gradient(view, 190, HEIGHT, (198, 196, 188), (176, 172, 164))
    chance = np.random.default_rng(3)
    for x in range(180, 480, 16):
        high, tone = chance.uniform(24, 58), chance.uniform(0.85, 1.1)
        _ellipse(view, (x, 196 - high / 2), (24, high), (112 * tone, 142 * tone, 104 * tone))
    _box(view, (0, 192, WIDTH, 214), (132, 152, 112))
    left, top, right, bottom = 196, 52, 444, _FLOOR
    view = np.asarray(cv2.GaussianBlur(view[: bottom + 20, left - 20 : right + 20], (0, 0), 5))
    hall[top:bottom, left:right] = view[top:bottom, 20:-20]


def _door(hall: Pixels) -> None:
    # Daylight falls through the door onto the floor.
    daylight = [(204, _FLOOR), (436, _FLOOR), (560, HEIGHT), (80, HEIGHT)]
    _shape(hall, daylight, (236, 240, 242), alpha=0.45, soft=14)
    mat = [(236, _FLOOR + 4), (404, _FLOOR + 4), (424, 332), (216, 332)]
    _shape(hall, mat, (84, 84, 86), alpha=0.9, soft=1)
    for x in (192, 316, 440):
        _box(hall, (x, 48, x + 8, _FLOOR), _FRAME)
    for y, high in ((48, 8), (92, 5), (_FLOOR - 14, 14)):
        _box(hall, (192, y, 448, y + high), _FRAME)
    for x in (200, 324):
        reflection = [(x + 18, 97), (x + 58, 97), (x + 8, 282), (x, 282), (x, 190)]
        _shape(hall, reflection, _WHITE, alpha=0.16, soft=1)
    for x in (306, 328):
        _box(hall, (x, 160, x + 5, 236), (206, 208, 210))
        _box(hall, (x + 4, 160, x + 5, 236), (130, 132, 136))


def _sign(hall: Pixels, x: float, y: float) -> None:
    """The sign that asks for a mask (after ISO 7010, M016)."""
    _shape(hall, _circle(x + 2, y + 3, 33), (120, 114, 104), alpha=0.5, soft=2)
    _ellipse(hall, (x, y), (33, 33), _BLUE)
    _ellipse(hall, (x, y - 1), (16, 21), _WHITE)
    for wide, top, bottom, colour in ((17, 0, 22, _BLUE), (14, 2, 19, _WHITE)):
        half = [(0, top - 4), (wide, top), (wide - 2, bottom - 9), (0, bottom)]
        points = half + [(-dx, dy) for dx, dy in reversed(half[1:-1])]
        _shape(hall, [(x + dx, y + dy) for dx, dy in points], colour)
    for dy in (6, 11):
        _box(hall, (x - 9, y + dy, x + 9, y + dy + 2), _BLUE)


def _plant(hall: Pixels, x: float, y: float) -> None:
    chance = np.random.default_rng(11)
    _shape(hall, _circle(x, 356, 30, flat=0.25), (92, 86, 78), alpha=0.6, soft=4)
    for number in range(46):
        angle, long = chance.uniform(-1.25, 1.25), chance.uniform(50, 112)
        across, up = long * np.sin(angle), 0.95 * long * np.cos(angle)
        tone = 0.75 + 0.5 * number / 46
        turned = float(np.degrees(np.arctan2(-up, across)))
        green = (58 * tone, 104 * tone, 66 * tone)
        _ellipse(hall, (x + across / 2, y - up / 2), (long / 2, 5.5), green, turned)
    _shape(hall, [(x - 27, y - 4), (x + 27, y - 4), (x + 20, 358), (x - 20, 358)], (238, 234, 228))
    shade = [(x + 8, y - 3), (x + 25, y - 3), (x + 18, 357), (x + 10, 357)]
    _shape(hall, shade, (200, 194, 186), alpha=0.7, soft=3)


def _desk(hall: Pixels) -> None:
    _gradient(hall, DESK, DESK + 18, (212, 180, 142), (196, 162, 122))
    _box(hall, (0, DESK, WIDTH, DESK + 1), (236, 212, 180))
    _gradient(hall, DESK + 18, DESK + 26, (96, 74, 56), (128, 98, 74))
    _gradient(hall, DESK + 26, HEIGHT, (140, 108, 82), (112, 86, 66))
    for x in range(30, WIDTH, 58):
        _box(hall, (x, DESK + 26, x + 1, HEIGHT), (92, 70, 54))
        _box(hall, (x + 1, DESK + 26, x + 2, HEIGHT), (156, 124, 96))


def _gradient(hall: Pixels, top: int, bottom: int, upper: Colour, lower: Colour) -> None:
    """Fill the rows from top to bottom."""
    share = np.linspace(0, 1, bottom - top)[:, None, None]
    hall[top:bottom] = np.array(upper) * (1 - share) + np.array(lower) * share


def _box(hall: Pixels, sides: tuple[float, float, float, float], colour: Colour) -> None:
    left, top, right, bottom = (round(side) for side in sides)
    hall[top:bottom, left:right] = np.round(colour)


def _line(hall: Pixels, start: object, end: object, colour: Colour) -> None:
    first, last = (_fixed([point])[0] for point in (start, end))
    cv2.line(hall, first, last, colour, 1, cv2.LINE_AA, _FRACTION)


def _ellipse(
    hall: Pixels,
    centre: tuple[float, float],
    halves: tuple[float, float],
    colour: Colour,
    turned: float = 0.0,
) -> None:
    middle, axes = _fixed([centre, halves]).tolist()
    cv2.ellipse(hall, middle, axes, turned, 0, 360, colour, cv2.FILLED, cv2.LINE_AA, _FRACTION)


def _circle(x: float, y: float, radius: float, flat: float = 1.0) -> Spots:
    turns = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return [(x + radius * np.cos(turn), y + flat * radius * np.sin(turn)) for turn in turns]


def _shape(
    hall: Pixels, points: Spots, colour: Colour, *, alpha: float = 1.0, soft: float = 0.0
) -> None:
    """A polygon, if need be transparent and with an edge blurred by this many pixels."""
    corners = _fixed(points)
    if alpha == 1 and not soft:
        cv2.fillPoly(hall, [corners], colour, cv2.LINE_AA, _FRACTION)
        return
    cover = np.zeros(hall.shape[:2], np.uint8)
    cv2.fillPoly(cover, [corners], 255, cv2.LINE_AA, _FRACTION)
    # Blend only where the shape is.
    margin = 3 * soft + 1
    xs, ys = zip(*points, strict=True)
    rows = slice(max(0, int(min(ys) - margin)), max(0, int(max(ys) + margin)))
    columns = slice(max(0, int(min(xs) - margin)), max(0, int(max(xs) + margin)))
    part, share = hall[rows, columns], cover[rows, columns].astype(np.float32) * (alpha / 255)
    if soft:
        share = np.asarray(cv2.GaussianBlur(share, (0, 0), soft), np.float32)
    part[:] = part + share[..., None] * (np.array(colour, np.float32) - part)


def _fixed(points: object) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    """Coordinates as OpenCV draws with: whole numbers of 1/16 pixel."""
    return np.round(np.array(points, np.float64) * (1 << _FRACTION)).astype(np.int32)
