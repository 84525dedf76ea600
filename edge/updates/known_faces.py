"""Faces of which it is known how they wear their masks: what a new bundle is tried on.

The two persons of the demo, each bare and with a drawn mask.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from edge.demo.figure import FACE, Clothing, CutOut, Figure
from edge.demo.masks import SURGICAL
from edge.demo.portraits import COLLINS, HOPPER
from edge.values import Box, Pixels

SIDE: Final = 240
"""Pixels of a face's picture, which is square."""
BACKGROUND: Final = (176, 180, 186)
"""RGB, behind the persons."""
_BOX: Final = Box(71, 60, 168, 177)
"""Where the face is in each picture: the middle of what the two shipped detectors find."""
_LOOKS: Final = {"face_no_mask": Clothing(None), "face_with_mask": Clothing(SURGICAL)}
"""How each person is dressed, by the label that is right."""
_HIGHER: Final = 10
"""Pixels that the face is above the middle of its picture."""
_LIGHTS: Final = (1.0, 0.6)


@dataclass(frozen=True, slots=True)
class KnownFace:
    """A picture of one face, and what is right to say of it."""

    pixels: Pixels
    box: Box
    label: str


def known_faces() -> list[KnownFace]:
    """Draw the faces: each as it is and mirrored, in good light and in poor.

    Raises:
        MaskGateError: the demo's photos are missing.
    """
    persons = [CutOut(portrait) for portrait in (COLLINS, HOPPER)]
    return [
        face
        for person, (label, look) in product(persons, _LOOKS.items())
        for face in _views(_drawn(person, look), label)
    ]


def empty_picture() -> Pixels:
    """A picture without any face."""
    return np.full((SIDE, SIDE, 3), BACKGROUND, np.uint8)


def _drawn(person: CutOut, look: Clothing) -> Pixels:
    picture = empty_picture()
    Figure(person, look).set_into(picture, SIDE / 2, SIDE / 2 - _HIGHER, FACE, SIDE)
    return picture


def _views(picture: Pixels, label: str) -> Iterator[KnownFace]:
    mirrored = Box(SIDE - _BOX.right, _BOX.top, SIDE - _BOX.left, _BOX.bottom)
    for (pixels, box), light in product(((picture, _BOX), (picture[:, ::-1], mirrored)), _LIGHTS):
        lit = np.ascontiguousarray(pixels * np.float32(light), dtype=np.uint8)
        yield KnownFace(lit, box, label)
