"""Parts of a frame that are searched on their own, in few sizes, and the faces found in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np

from edge.values import Box, Face, Pixels, Point

SIDES: Final = tuple(round(64 * 2 ** (step / 3)) // 16 * 16 for step in range(22))
"""Sides of regions: 64 to 8192 pixels, each about 1.26 times the one before.

A detector has to be made ready for each size, which costs as much as the search.
"""
SIZES: Final = 9
"""Frame sizes that a detector keeps ready when it searches regions: the whole and eight parts."""
EDGE: Final = 3.0
"""Pixels from the edge of a region within which a face may be cut off by it."""
SAME: Final = 0.4
"""Overlap above which faces of two regions are one."""


class Detector(Protocol):
    """Finds faces in pictures of any size."""

    def detect(self, pixels: Pixels) -> list[Face]:
        """The faces, the surest first; boxes in pixels of this picture."""


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of whole pixels within the frame."""

    left: int
    top: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """Pixels."""
        return self.width * self.height

    @property
    def box(self) -> Box:
        """The same in floats."""
        return Box(self.left, self.top, self.left + self.width, self.top + self.height)


def around(box: Box, room: float) -> Box:
    """The box, larger by `room` pixels on each side."""
    return Box(box.left - room, box.top - room, box.right + room, box.bottom + room)


def covers(region: Region, box: Box, size: tuple[int, int]) -> bool:
    """Tell whether all of a box that is in the frame is in the region, and not at its edge.

    Args:
        region: where.
        box: a face's, in pixels of the frame.
        size: of the frame, width and height.
    """
    width, height = size
    inner = region.box
    return (
        (max(box.left, 0) >= inner.left + EDGE or region.left == 0)
        and (max(box.top, 0) >= inner.top + EDGE or region.top == 0)
        and (min(box.right, width) <= inner.right - EDGE or inner.right >= width)
        and (min(box.bottom, height) <= inner.bottom - EDGE or inner.bottom >= height)
    )


def to_search(boxes: Sequence[Box], size: tuple[int, int]) -> tuple[Region, ...]:
    """Few regions of few sizes that hold all boxes, as far as they are in the frame.

    Args:
        boxes: in pixels; may overlap each other and reach beyond the frame.
        size: of the frame, width and height.
    """
    apart: list[Box] = []
    for box in boxes:
        joined = _within(box, size)
        # What is joined is larger, and may reach one that the parts did not.
        while near := [other for other in apart if joined.overlap(other) > 0]:
            apart = [other for other in apart if other not in near]
            joined = _united([joined, *near])
        apart.append(joined)
    return tuple(_standard(box, size) for box in apart)


def faces_in(
    detector: Detector, pixels: Pixels, regions: Sequence[Region]
) -> tuple[list[Face], bool]:
    """Find the faces in parts of a frame.

    Returns:
        The faces in pixels of the frame, the surest first, and whether one of them may go on
        beyond its region; the frame should then be searched as a whole.
    """
    size = pixels.shape[1], pixels.shape[0]
    found: list[Face] = []
    for region in regions:
        rows = slice(region.top, region.top + region.height)
        part = pixels[rows, region.left : region.left + region.width]
        for face in detector.detect(np.ascontiguousarray(part)):
            placed = _placed(face, region)
            if not covers(region, placed.box, size):
                return found, True
            found.append(placed)
    found.sort(key=lambda face: -face.score)
    apart: list[Face] = []
    for face in found:
        if all(face.box.overlap(other.box) <= SAME for other in apart):
            apart.append(face)
    return apart, False


def _placed(face: Face, region: Region) -> Face:
    x, y = region.left, region.top

    def move(point: Point) -> Point:
        return point[0] + x, point[1] + y

    box = face.box
    moved = Box(box.left + x, box.top + y, box.right + x, box.bottom + y)
    return replace(face, box=moved, landmarks=face.landmarks.moved(move))


def _within(box: Box, size: tuple[int, int]) -> Box:
    """The part of a box that is in the frame; at least a pixel at its edge."""
    width, height = size
    left, top = min(max(box.left, 0), width - 1), min(max(box.top, 0), height - 1)
    return Box(
        left, top, max(min(box.right, width), left + 1), max(min(box.bottom, height), top + 1)
    )


def _united(boxes: Sequence[Box]) -> Box:
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )


def _standard(box: Box, size: tuple[int, int]) -> Region:
    """The smallest region of a standard size around a box in the frame."""
    left, width = _side(box.left, box.right, size[0])
    top, height = _side(box.top, box.bottom, size[1])
    return Region(left, top, width, height)


def _side(start: float, end: float, limit: int) -> tuple[int, int]:
    """Where a region begins along one side of the frame, and how long it is."""
    needed = end - start + 1  # the start is rounded
    length = min(next((side for side in SIDES if side >= needed), limit), limit)
    middle = (start + end) / 2
    return int(min(max(middle - length / 2, 0), limit - length)), length
