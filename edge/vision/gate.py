"""The motion gate: which parts of a frame the detector needs to search.

Nothing moved: nothing is searched. Something moved: that is, with room around it, and once more in
a few frames after, for a face may have been smeared by its movement. Known faces are searched for
where they are expected. The whole frame is searched when the whole picture has changed, and every
`WHOLE_EVERY` seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.values import Box, Face, Frame, Pixels
from edge.vision.motion import Motion
from edge.vision.regions import Detector, Region, around, covers, faces_in, to_search

WHOLE_EVERY: Final = 2.0
"""Seconds after which the whole frame is searched again.

What else would be missed: who turned their face to the camera while so little else moved that it
drowned in the noise, and false faces that a still picture keeps. Less than `forget_after`, so that
who was overlooked once is the same person; at 15 frames per second it is a thirtieth of the cost.
"""
CELLS_PER_FACE: Final = 5
"""Cells across the smallest face: enough to show its movement, large enough to average noise."""
LINGER: Final = 3
"""Frames in which a place is searched again after the last movement."""
WHOLE_SHARE: Final = 0.4
"""Share of the cells whose movement is that of the whole picture: the camera, or the light."""
BRIGHTER: Final = 1.15
"""Change of the brightness after which nets may see something else: 1.15 times, or through it."""
ROOM: Final = 0.75
"""Room around a known face, in faces: `tracking.reach` is from centre to centre."""
WORTH: Final = 0.75
"""Share of the frame that the regions may have; more, and the whole is cheaper."""

Reason = Literal["off", "first", "changed", "noisy", "due", "cut", "moved", "known", "still"]


@dataclass(frozen=True, slots=True)
class Look:
    """Where a frame is searched, and why."""

    reason: Reason
    """off: there is no gate; first: of this size; changed: the whole picture; noisy: movement
    cannot be told from noise, or not yet; due: after `WHOLE_EVERY`; cut: a face goes on beyond a
    region; moved: something did; known: faces that are followed; still: nothing to search."""
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

    def __init__(self, min_face: float) -> None:
        """Begin with nothing seen.

        Args:
            min_face: smallest face looked for, pixels.
        """
        self._min_face = min_face
        self._cell = max(2, int(min_face / CELLS_PER_FACE))
        self._shape: tuple[int, ...] = ()
        self._motion = Motion(self._cell)
        self._linger: NDArray[np.uint8] = np.zeros((0, 0), np.uint8)
        self._whole_at = 0.0

    def plan(self, frame: Frame, known: Sequence[Box], wanted: Sequence[Box]) -> Look:
        """Say where the next frame is to be searched; it counts as searched there from now on.

        Args:
            frame: must not be older than the one before.
            known: where each face that is followed is expected.
            wanted: those of them to be looked for though nothing moves.
        """
        pixels, now = frame.pixels, frame.monotonic
        if min(pixels.shape[:2]) < self._cell:
            return Look("first")
        first = pixels.shape != self._shape
        if first:
            self._shape, self._motion = pixels.shape, Motion(self._cell)
        change = self._motion.compare(pixels)
        if first:
            self._linger = np.zeros(change.moved.shape, np.uint8)
            return self._whole("first", now)
        self._linger -= self._linger > 0
        self._linger[change.moved] = LINGER + 1
        if change.share > WHOLE_SHARE or not 1 / BRIGHTER < change.gain < BRIGHTER:
            return self._whole("changed", now)
        if not change.known:
            return self._whole("noisy", now)
        if not 0 <= now - self._whole_at < WHOLE_EVERY:
            return self._whole("due", now)
        return self._parts(known, wanted, now)

    def _whole(self, reason: Reason, now: float) -> Look:
        self._whole_at = now
        self._motion.settle()
        return Look(reason)

    def _parts(self, known: Sequence[Box], wanted: Sequence[Box], now: float) -> Look:
        size = self._shape[1], self._shape[0]
        searched = self._linger > 0
        boxes = self._moving(searched) if searched.any() else []
        reason: Reason = "moved" if boxes else "known" if wanted else "still"
        moving = list(boxes)
        for box in known:
            if box in wanted or any(box.overlap(other) > 0 for other in moving):
                boxes.append(around(box, ROOM * max(box.width, box.height)))
        regions = to_search(boxes, size)
        if sum(region.area for region in regions) > WORTH * size[0] * size[1]:
            return self._whole(reason, now)
        self._motion.settle(searched)
        return Look(reason, regions, size)

    def _moving(self, searched: NDArray[np.bool_]) -> list[Box]:
        """A box around each place where something moved, with room for a face beside it."""
        # Cells next to each other, or with one between, are one place.
        cells = cv2.dilate(searched.astype(np.uint8), np.ones((3, 3), np.uint8))
        _, _, places, _ = cv2.connectedComponentsWithStats(cells)
        found = []
        for left, top, width, height, _ in places[1:].tolist():
            room = max(self._min_face, self._cell * min(width, height) / 4)
            corners = (left, top, left + width, top + height)
            found.append(around(Box(*(side * self._cell for side in corners)), room))
        return found


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
