"""The motion gate: which parts of a frame the detector needs to search.

Nothing moved: nothing is searched. Something moved: that is, with room around it, and once more in
a few frames after, for a face may have been smeared by its movement. Known faces are searched for
where they are expected. The whole frame is searched where parts would be most of it, when the light
has changed, and every `WHOLE_EVERY` seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.values import Box, Face, Frame, Pixels
from edge.vision.motion import AROUND, Motion
from edge.vision.regions import Detector, Region, around, covers, faces_in, to_search

WHOLE_EVERY: Final = 3.0
"""Seconds after which the whole frame is searched again.

What else would be missed: who turned their face to the camera while so little else moved that it
drowned in the noise, and false faces that a still picture keeps. At 15 frames per second it is a
forty-fifth of the cost of searching each frame.
"""
CELLS_PER_FACE: Final = 5
"""Cells across the smallest face: enough to show its movement, large enough to average noise."""
LINGER: Final = 3
"""Frames in which a place is searched again after the last movement."""
BRIGHTER: Final = 1.15
"""Change of the brightness after which nets may see something else: 1.15 times, or through it."""
BUSY: Final = 2
"""Frames in a row that had to be searched whole after which the next ones are, unseen."""
SPELL: Final = 4
"""Of so many of them, movement is looked for in one: looking for it costs, too."""
ROOM: Final = 0.75
"""Room around a known face, in faces: `tracking.reach` is from centre to centre."""

Reason = Literal[
    "off", "first", "tiny", "changed", "noisy", "due", "busy", "cut", "moved", "known", "still"
]


@dataclass(frozen=True, slots=True)
class Look:
    """Where a frame is searched, and why."""

    reason: Reason
    """off: there is no gate; first: of this size; tiny: too small to tell movement; changed: the
    light; noisy: movement cannot be told from noise, or not yet; due: after `WHOLE_EVERY`; busy:
    taken to be as the frames before; cut: a face goes on beyond a region; moved: something did;
    known: faces that are followed; still: nothing to search."""
    regions: tuple[Region, ...] | None = None
    """None is the whole frame."""
    size: tuple[int, int] = (0, 0)
    """Of the frame, width and height, where there are regions."""

    def covers(self, box: Box) -> bool:
        """Tell whether a face with this box would have been found, if it was there."""
        if self.regions is None:
            return True
        return any(covers(region, box, self.size) for region in self.regions)


class Gate:
    """Plans the search of each frame of one camera."""

    def __init__(self, min_face: float, *, parts: bool = True) -> None:
        """Begin with nothing seen.

        Args:
            min_face: smallest face looked for, pixels.
            parts: whether parts of a frame may be searched; if not, it is the whole or nothing.
        """
        self._min_face = min_face
        self._parts = parts
        self._cell = max(2, int(min_face / CELLS_PER_FACE))
        self._shape: tuple[int, ...] = ()
        self._motion: Motion | None = None
        self._linger: NDArray[np.uint8] = np.zeros((0, 0), np.uint8)
        self._whole_at = 0.0
        self._busy = 0

    def plan(self, frame: Frame, known: Sequence[Box], wanted: Sequence[Box]) -> Look:
        """Say where the next frame is to be searched; it counts as searched there from now on.

        Args:
            frame: must not be older than the one before.
            known: where each face that is followed is expected.
            wanted: those of them to be looked for though nothing moves.
        """
        pixels, now = frame.pixels, frame.monotonic
        if pixels.shape != self._shape:
            self._begin(pixels)
            return self._whole("first", now)
        if self._motion is None:
            return self._whole("tiny", now)
        self._linger -= self._linger > 0
        if self._busy >= BUSY and self._busy % SPELL:
            self._busy += 1
            return self._whole("busy", now)
        change = self._motion.compare(pixels)
        self._linger[change.moved] = LINGER + 1
        searched = self._linger > 0
        if not change.known:
            return self._whole("noisy", now)
        self._busy += 1
        if not 1 / BRIGHTER < change.gain < BRIGHTER:
            return self._whole("changed", now)
        moving = self._moving(searched)
        size = pixels.shape[1], pixels.shape[0]
        regions = to_search([*moving, *_searched_for(known, wanted, moving)], size)
        reason: Reason = "moved" if moving else "known" if wanted else "still"
        if regions is None or (regions and not self._parts):
            return self._whole(reason, now)
        self._busy = 0
        if not 0 <= now - self._whole_at < WHOLE_EVERY:
            return self._whole("due", now)
        self._motion.settle(searched)
        return Look(reason, regions, size)

    def _begin(self, pixels: Pixels) -> None:
        """Take the first frame of a size."""
        self._shape, self._busy = pixels.shape, 0
        rows, columns = (side // self._cell for side in pixels.shape[:2])
        self._linger = np.zeros((rows, columns), np.uint8)
        self._motion = Motion(self._cell, pixels) if rows and columns else None

    def _whole(self, reason: Reason, now: float) -> Look:
        self._whole_at = now
        if self._motion is not None:
            self._motion.settle()
        return Look(reason)

    def _moving(self, searched: NDArray[np.bool_]) -> list[Box]:
        """A box around each place where something moved, with room for a face beside it."""
        if not searched.any():
            return []
        # Cells next to each other, or with one between, are one place.
        cells = cv2.dilate(searched.view(np.uint8), AROUND)
        _, _, places, _ = cv2.connectedComponentsWithStats(cells)
        found = []
        for left, top, width, height, _ in places[1:].tolist():
            room = max(self._min_face, self._cell * min(width, height) / 4)
            corners = (left, top, left + width, top + height)
            found.append(around(Box(*(side * self._cell for side in corners)), room))
        return found


def _searched_for(known: Sequence[Box], wanted: Sequence[Box], moving: Sequence[Box]) -> list[Box]:
    """Room around the known faces that are wanted, or that something moving may be a part of."""
    return [
        around(box, ROOM * max(box.width, box.height))
        for box in known
        if box in wanted or any(box.overlap(other) > 0 for other in moving)
    ]


def search(detector: Detector, pixels: Pixels, look: Look) -> tuple[list[Face], Look]:
    """Search a frame as planned, or as a whole if a face goes on beyond the plan.

    Returns:
        The faces in pixels of the frame, the surest first, and where they were searched in the end.
    """
    if look.regions is not None:
        faces, cut = faces_in(detector, pixels, look.regions)
        if not cut:
            return faces, look
        look = Look("cut")
    return detector.detect(pixels), look
