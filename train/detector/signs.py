"""Signs that show faces and are none: "please wear a mask" hangs at the very doors to be watched.

Drawn here, in any colour and shape: pictograms of heads with and without masks, smileys, badges on
caps, plates of text.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.values import Pixels

FINE = 128
"""Pixels of the side that a sign is drawn at, before it is shrunk."""
WORDS = ("MASK", "STOP", "PLEASE", "WEAR", "EXIT", "OPEN", "NO", "ENTRY", "1.5 m")

OF_SIGNS = (
    (0, 84, 150), (0, 110, 190), (255, 255, 255), (20, 20, 20), (200, 20, 30), (250, 200, 0),
    (0, 140, 70),
)  # fmt: skip
"""Colours that signs have (ISO 3864: blue tells to do something, red forbids)."""

Colour = list[int]
Cover = NDArray[np.float32]


def draw_sign(side: int, rng: np.random.Generator) -> tuple[Pixels, Cover]:
    """Draw a sign; gives it, and how much of each pixel it covers (0..1, side x side x 1)."""
    plate, figure = _colour(rng), _colour(rng)
    sign = np.full((FINE, FINE, 3), plate, np.uint8)
    cover = np.zeros((FINE, FINE), np.uint8)
    shape = rng.integers(4)
    if shape == 0:
        cv2.circle(cover, (FINE // 2, FINE // 2), FINE // 2 - 2, 255, cv2.FILLED)
    elif shape == 1:
        cv2.fillPoly(cover, [np.array([(64, 4), (124, 118), (4, 118)])], 255)
    else:
        cover[4:124, 4 : 124 if shape == 2 else 84] = 255
    if rng.random() < 0.4:
        cv2.circle(
            sign, (FINE // 2, FINE // 2), FINE // 2 - 8, _colour(rng), int(rng.integers(2, 9))
        )
    drawn: list[Callable[[Pixels, Colour, Colour, np.random.Generator], None]] = [
        _wear_a_mask, _head, _head, _smiley, _badge, _text,
    ]  # fmt: skip
    drawn[int(rng.integers(len(drawn)))](sign, figure, plate, rng)
    turn = cv2.getRotationMatrix2D((FINE / 2, FINE / 2), float(rng.normal(0, 6)), 1)
    shown, covered = (
        cv2.resize(
            cv2.warpAffine(one, turn, (FINE, FINE)), (side, side), interpolation=cv2.INTER_AREA
        )
        for one in (sign, cover)
    )
    return np.asarray(shown, np.uint8), np.asarray(covered[:, :, None] / np.float32(255))


def _colour(rng: np.random.Generator) -> Colour:
    if rng.random() < 0.4:
        return list(OF_SIGNS[int(rng.integers(len(OF_SIGNS)))])
    return [int(value) for value in rng.integers(0, 256, 3)]


def _head(sign: Pixels, figure: Colour, plate: Colour, rng: np.random.Generator) -> None:
    """A head, mostly with a mask, sometimes with eyes, hair and shoulders."""
    if rng.random() < 0.5:
        figure = [255, 255, 255] if rng.random() < 0.6 else [20, 20, 20]
    middle = (64 + int(rng.integers(-8, 9)), 58 + int(rng.integers(-8, 9)))
    axes = int(rng.integers(20, 36)), int(rng.integers(26, 42))
    if rng.random() < 0.5:
        cv2.ellipse(sign, (64, 132), (46, 34), 0, 0, 360, figure, cv2.FILLED)
    cv2.ellipse(sign, middle, axes, 0, 0, 360, figure, cv2.FILLED)
    x, y = middle
    if rng.random() < 0.4:
        cv2.ellipse(sign, middle, axes, 0, 180, 360, _colour(rng), cv2.FILLED)
    if rng.random() < 0.5:
        for at in (x - axes[0] // 2, x + axes[0] // 2):
            cv2.circle(sign, (at, y - axes[1] // 5), int(rng.integers(2, 6)), plate, cv2.FILLED)
    if rng.random() < 0.75:
        cloth = plate if rng.random() < 0.4 else _colour(rng)
        top, bottom = y + int(rng.integers(-4, 6)), y + axes[1] - int(rng.integers(0, 8))
        wide = int(axes[0] * rng.uniform(0.6, 1.0))
        outline = [
            (x - wide, top),
            (x + wide, top),
            (x + wide // 2, bottom),
            (x - wide // 2, bottom),
        ]
        cv2.fillPoly(sign, [np.array(outline)], cloth)
        line = figure if rng.random() < 0.5 else _colour(rng)
        for step in range(int(rng.integers(0, 4))):
            height = top + 6 + step * 7
            cv2.line(sign, (x - wide // 2, height), (x + wide // 2, height), line, 2)
        cv2.line(sign, (x - wide, top), (x - axes[0], y - 6), line, 2)
        cv2.line(sign, (x + wide, top), (x + axes[0], y - 6), line, 2)


def _wear_a_mask(sign: Pixels, figure: Colour, plate: Colour, rng: np.random.Generator) -> None:
    """A light head on which the plate's colour outlines a mask (after ISO 7010, M016)."""
    if rng.random() < 0.6:
        figure, plate = [255, 255, 255], list(OF_SIGNS[int(rng.integers(2))])
        sign[:] = plate
    x, y = 64, int(rng.integers(52, 70))
    wide, high = int(rng.integers(24, 38)), int(rng.integers(34, 48))
    cv2.ellipse(sign, (x, y), (wide, high), 0, 0, 360, figure, cv2.FILLED)
    for grown, colour in ((3, plate), (-3, figure)):
        half = wide * rng.uniform(0.85, 1.1) + grown
        top, bottom = y - grown, y + int(high * rng.uniform(0.7, 1.05)) + grown
        middle = bottom - int(high * 0.3)
        outline = [
            (x - half, top), (x, top - 6), (x + half, top), (x + half - 4, middle),
            (x, bottom), (x - half + 4, middle),
        ]  # fmt: skip
        cv2.fillPoly(sign, [np.array(outline).astype(int)], colour)
    for fold in range(int(rng.integers(0, 4))):
        height = y + 8 + 9 * fold
        cv2.line(sign, (x - wide // 2, height), (x + wide // 2, height), plate, 3)
    if rng.random() < 0.3:
        for side in (-1, 1):
            cv2.ellipse(
                sign, (x + side * wide // 2, y - high // 3), (7, 3), 0, 0, 360, plate, cv2.FILLED
            )


def _smiley(sign: Pixels, figure: Colour, plate: Colour, rng: np.random.Generator) -> None:
    cv2.circle(sign, (64, 64), int(rng.integers(36, 58)), figure, cv2.FILLED)
    for x in (48, 80):
        cv2.ellipse(sign, (x, 52), (5, int(rng.integers(4, 10))), 0, 0, 360, plate, cv2.FILLED)
    start = 180 if rng.random() < 0.3 else 0
    cv2.ellipse(sign, (64, 74), (24, int(rng.integers(3, 18))), 0, start, start + 180, plate, 4)


def _badge(sign: Pixels, figure: Colour, plate: Colour, rng: np.random.Generator) -> None:
    """Leaves around a shield or a star, as on caps and doors."""
    for angle in np.linspace(0, 2 * np.pi, int(rng.integers(6, 24)), endpoint=False):
        end = (int(64 + 52 * np.cos(angle)), int(64 + 52 * np.sin(angle)))
        cv2.line(sign, (64, 64), end, figure if rng.random() < 0.7 else _colour(rng), 5)
    cv2.ellipse(sign, (64, 64), (int(rng.integers(14, 34)),) * 2, 0, 0, 360, plate, cv2.FILLED)
    for _ in range(int(rng.integers(3, 12))):
        at = tuple(rng.integers(34, 95, 2).tolist())
        cv2.circle(sign, at, int(rng.integers(2, 9)), _colour(rng), cv2.FILLED)


def _text(sign: Pixels, figure: Colour, plate: Colour, rng: np.random.Generator) -> None:  # noqa: ARG001
    for line in range(int(rng.integers(1, 5))):
        word = WORDS[int(rng.integers(len(WORDS)))]
        scale = float(rng.uniform(0.5, 1.1))
        cv2.putText(sign, word, (8, 30 + 26 * line), cv2.FONT_HERSHEY_SIMPLEX, scale, figure, 3)
