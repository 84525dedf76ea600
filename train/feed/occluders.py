"""Puts things before a face that are no mask: someone's head, a hand, a phone, clothes.

Every function takes and returns a square cut, RGB uint8, and draws from the generator it is given.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.values import Pixels

Cover = NDArray[np.float32]
"""How much of each pixel is hidden, 0..1, height x width x 1."""


def with_occluder(face: Pixels, highest: float, other: Pixels, rng: np.random.Generator) -> Pixels:
    """Hide part of the lower face behind something that is no mask.

    Args:
        face: the cut.
        highest: how far up the thing may reach, as a share of the cut's height from its top; a
            bare face may lose its mouth and stays bare, a masked one must keep most of its mask.
        other: any other picture, to take clothes and surroundings from.
        rng: source of all randomness.
    """
    kinds: list[Callable[[], Pixels]] = [
        lambda: _someone_in_front(face, highest, other, rng),
        lambda: _surroundings(face, highest, other, rng),
        lambda: _hand(face, highest, rng),
        lambda: _thing_held_up(face, highest, rng),
    ]
    return kinds[int(rng.choice(len(kinds), p=(0.5, 0.15, 0.2, 0.15)))]()


def before_another_background(face: Pixels, other: Pixels, rng: np.random.Generator) -> Pixels:
    """Show the head before what surrounds another one.

    The surroundings tell which collection a picture is from, and by that its class.

    Args:
        face: the cut.
        other: any other picture.
        rng: source of all randomness.
    """
    size = face.shape[0]
    head = np.zeros((size, size), np.uint8)
    middle = (round(size * rng.uniform(0.46, 0.54)), round(size * rng.uniform(0.46, 0.56)))
    axes = (round(size * rng.uniform(0.36, 0.46)), round(size * rng.uniform(0.44, 0.6)))
    cv2.ellipse(head, middle, axes, float(rng.uniform(-8, 8)), 0, 360, 255, cv2.FILLED)
    return _blend(face, _corner(other, size, rng), 1 - _softened(head, rng))


def _corner(other: Pixels, size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A corner of a picture, enlarged: hardly ever its face, which is in the middle."""
    side = max(2, other.shape[0] // 3)
    y = 0 if rng.random() < 0.5 else other.shape[0] - side
    x = 0 if rng.random() < 0.5 else other.shape[1] - side
    return np.asarray(cv2.resize(other[y : y + side, x : x + side], (size, size)), np.float32)


def hair(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Strands of hair of one person, RGB 0..255 (size x size x 3)."""
    usual = np.array([(18, 15, 14), (35, 28, 25), (70, 50, 38), (120, 90, 60), (140, 138, 135)])
    colour = usual[rng.choice(len(usual), p=(0.4, 0.25, 0.15, 0.1, 0.1))] + rng.normal(0, 6, 3)
    strands = rng.normal(0, 1, (size, size)).astype(np.float32)
    along = float(rng.uniform(1.5, 4))
    strands = np.asarray(cv2.GaussianBlur(strands, (0, 0), sigmaX=0.6, sigmaY=along), np.float32)
    strands *= np.float32(rng.uniform(4, 16) / (strands.std() + 1e-6))
    return np.asarray(np.clip(colour + strands[:, :, None], 0, 255), np.float32)


def _blend(face: Pixels, thing: NDArray[np.float32], cover: Cover) -> Pixels:
    return np.clip(face * (1 - cover) + thing * cover, 0, 255).astype(np.uint8)


def _softened(cover: NDArray[np.uint8], rng: np.random.Generator) -> Cover:
    """Turn a drawn shape (0 or 255) into a cover with the soft edge of a thing out of focus."""
    soft = cv2.GaussianBlur(cover, (0, 0), float(rng.uniform(0.4, 1.8)))
    return np.asarray(soft[:, :, None] / 255, np.float32)


def _someone_in_front(
    face: Pixels, highest: float, other: Pixels, rng: np.random.Generator
) -> Pixels:
    """Seen from behind, all hair, or from the front: the upper part of the other picture's head."""
    size = face.shape[0]
    top = rng.uniform(highest, 0.88) * size
    wide, tall = rng.uniform(0.25, 0.6) * size, rng.uniform(0.35, 0.7) * size
    middle = (round(rng.uniform(0.1, 0.9) * size), round(top + tall))
    cover = np.zeros((size, size), np.uint8)
    axes = (round(wide), round(tall))
    cv2.ellipse(cover, middle, axes, float(rng.uniform(-20, 20)), 0, 360, 255, cv2.FILLED)
    if rng.random() < 0.5:
        return _blend(face, hair(size, rng), _softened(cover, rng))
    # A patch shows its face in the middle half; the hair begins above it.
    side = other.shape[0]
    scale = 2 * wide / (side * 0.6)
    move = np.array(
        [
            [scale, 0, middle[0] - scale * side / 2],
            [0, scale, top - scale * side * 0.17],
        ]
    )
    head = cv2.warpAffine(other, move, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return _blend(face, np.asarray(head, np.float32), _softened(cover, rng))


def _surroundings(face: Pixels, highest: float, other: Pixels, rng: np.random.Generator) -> Pixels:
    """A shoulder, a scarf below the chin, a door frame: a straight edge, below or at one side."""
    size = face.shape[0]
    cover = np.zeros((size, size), np.uint8)
    if rng.random() < 0.6:
        # Never over the mouth: light cloth there would be a mask.
        left, right = rng.uniform(max(highest, 0.72), 1.0, 2) * size
        corners = [(0, left), (size, right), (size, size), (0, size)]
    else:
        # From one side it may hide up to 45 % of the width.
        top, bottom = rng.uniform(0.0, 0.45, 2) * size
        corners = [(0, 0), (top, 0), (bottom, size), (0, size)]
        if rng.random() < 0.5:
            corners = [(size - x, y) for x, y in corners]
    cv2.fillPoly(cover, [np.round(corners).astype(np.int32)], 255)
    return _blend(face, _corner(other, size, rng), _softened(cover, rng))


def _hand(face: Pixels, highest: float, rng: np.random.Generator) -> Pixels:
    """Fingers of the skin's own colour, from below or from a side."""
    size = face.shape[0]
    skin = np.median(face[size // 4 : size // 2, size // 3 : -size // 3].reshape(-1, 3), axis=0)
    # A face that lies in the dark still shows where the hand ends.
    colour = np.clip(skin * rng.uniform(0.75, 1.2) + rng.normal(0, 5, 3), 20, 255)
    tip = np.array([rng.uniform(0.3, 0.7), rng.uniform(max(highest, 0.5), 0.85)]) * size
    angle = rng.uniform(-0.2, 1.2) * np.pi
    back = np.array([np.cos(angle), abs(np.sin(angle)) + 0.3]) * size
    beside = np.array([-back[1], back[0]]) / np.linalg.norm(back)
    thick = max(2, round(size * rng.uniform(0.06, 0.11)))
    shade = np.ones((size, size), np.float32)
    cover = np.zeros((size, size), np.uint8)
    for finger in range(int(rng.integers(2, 5))):
        start = tip + beside * finger * thick * 1.05 + back * rng.uniform(-0.05, 0.05)
        line = [tuple(int(v) for v in start), tuple(int(v) for v in start + back)]
        cv2.line(cover, line[0], line[1], 255, thick)
        cv2.line(shade, line[0], line[1], float(rng.uniform(0.85, 1.05)), thick)
    thing = colour.astype(np.float32) * shade[:, :, None]
    return _blend(face, thing, _softened(cover, rng))


def _thing_held_up(face: Pixels, highest: float, rng: np.random.Generator) -> Pixels:
    """A phone, a cup, a microphone: a small rectangle of one colour.

    Hardly ever a light one, and none as wide as a mask: far off, that is what a mask looks like.
    """
    size = face.shape[0]
    middle = (float(rng.uniform(0.1, 0.9) * size), float(rng.uniform(highest + 0.1, 1.0) * size))
    sides = (float(rng.uniform(0.08, 0.22) * size), float(rng.uniform(0.15, 0.4) * size))
    corners = cv2.boxPoints((middle, sides, float(rng.uniform(-40, 40))))
    cover = np.zeros((size, size), np.uint8)
    cv2.fillPoly(cover, [np.round(corners).astype(np.int32)], 255)
    dark = rng.random() < 0.85
    colour = rng.uniform(5, 60, 3) if dark else rng.uniform(60, 250, 3)
    thing = np.broadcast_to(colour.astype(np.float32), face.shape)
    return _blend(face, thing, _softened(cover, rng))
