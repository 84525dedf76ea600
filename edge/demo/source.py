"""The demo source: real faces walk through an entrance, some of them masked."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge.demo.entrance import DESK, WIDTH, entrance
from edge.demo.figure import FACE, Clothing, CutOut, Figure
from edge.demo.masks import BLACK, DOTTED, SURGICAL, WHITE
from edge.demo.portraits import COLLINS, HOPPER, Portrait
from edge.values import Pixels

RATE: Final = 15.0
"""Frames per second."""
LOOP: Final = 30.0
"""Seconds until the same people come again."""
_WALK: Final = 7.0
"""Seconds from one side of the frame to the other."""
_HORIZON: Final = 224.0
"""Row at the height of the camera."""
_NEAR, _FAR = 1.0, 1.7
"""Distance at the end and the beginning of a walk; 1 is where a face is FACE pixels high."""
_FROM, _TO = -(WIDTH / 2 + 110) * _FAR, (WIDTH / 2 + 250) * _NEAR
"""Where a walk begins and ends, in pixels at distance 1 from the middle of the frame."""


@dataclass(frozen=True, slots=True)
class _Walk:
    start: float
    """Seconds after the beginning of the loop."""
    portrait: Portrait
    clothing: Clothing
    below: float
    """How far the middle of the face is below the camera, in pixels at distance 1."""


# Everybody walks the same way, so that nobody is hidden by somebody else. The first one's face
# is in the frame from the beginning: whoever tries the demo sees something at once.
_WALKS: Final = (
    _Walk(-1.4, HOPPER, Clothing(), 12),
    _Walk(1.5, COLLINS, Clothing(SURGICAL), 4),
    _Walk(5.1, COLLINS, Clothing(mirrored=True, brightness=0.93, dye=190), 6),
    _Walk(7.8, HOPPER, Clothing(WHITE, mirrored=True, brightness=0.97), 14),
    _Walk(10.5, COLLINS, Clothing(DOTTED, brightness=0.97, dye=130), 2),
    _Walk(14.4, HOPPER, Clothing(BLACK, brightness=0.9), 10),
    _Walk(18.0, COLLINS, Clothing(mirrored=True, brightness=1.04), 5),
    _Walk(20.8, HOPPER, Clothing(SURGICAL, mirrored=True), 13),
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many people walk by in one loop, each once."""

    bare: int
    masked: int


class Demo:
    """Frames of 640 x 480 pixels, drawn as they are asked for; the same each time."""

    interval = 1 / RATE
    live = False
    skipped = 0
    broken = None

    def __init__(self, *, endless: bool = True) -> None:
        """Find the photos and draw the entrance.

        Args:
            endless: begin again after each loop; otherwise end after one.

        Raises:
            MaskGateError: a photo is not installed, or cannot be read.
        """
        self._endless = endless
        self._entrance = entrance()
        people = {id(portrait): CutOut(portrait) for portrait in (HOPPER, COLLINS)}
        self._people = [people[id(walk.portrait)] for walk in _WALKS]
        self._figures: list[Figure | None] = [None] * len(_WALKS)
        self._next = 0

    @property
    def people_in_loop(self) -> Crowd:
        """Who is shown in one loop."""
        masked = sum(walk.clothing.look is not None for walk in _WALKS)
        return Crowd(bare=len(_WALKS) - masked, masked=masked)

    @property
    def frames_in_loop(self) -> int:
        """Frames until it ends, if it is not endless: when the last one has left."""
        return math.floor((LOOP + _WALKS[0].start) * RATE)

    def read(self) -> Pixels | None:
        """The next frame, RGB uint8, 480 x 640 x 3; None after one loop unless endless."""
        if not self._endless and self._next >= self.frames_in_loop:
            return None
        now = self._next / RATE
        self._next += 1
        frame = np.array(self._entrance, np.uint8)
        # Who came last is furthest away, and drawn first.
        for index in sorted(range(len(_WALKS)), key=lambda index: self._age(index, now)):
            age = self._age(index, now)
            if age < _WALK:
                self._draw(frame, index, age)
        return frame

    def close(self) -> None:
        """Forget the people."""
        self._figures = [None] * len(_WALKS)

    @staticmethod
    def _age(index: int, now: float) -> float:
        return (now - _WALKS[index].start) % LOOP

    def _draw(self, frame: Pixels, index: int, age: float) -> None:
        figure = self._figures[index]
        if figure is None:  # dressed when they first come: the first frame must not wait for all
            figure = self._figures[index] = Figure(self._people[index], _WALKS[index].clothing)
        done = age / _WALK
        distance = _FAR + (_NEAR - _FAR) * done
        step = 3 * abs(math.sin(2 * math.pi * 0.95 * age))
        x = WIDTH / 2 + (_FROM + (_TO - _FROM) * done) / distance
        y = _HORIZON + (_WALKS[index].below - step) / distance
        figure.set_into(frame, x, y, FACE / distance, DESK)
