"""Parts of a frame that are searched on their own, in few sizes, and the faces found in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np

from edge.values import Box, Face, Pixels, Point

SHARES: Final = ((1 / 3, 1 / 2), (1 / 2, 3 / 4), (2 / 3, 1))
"""Sizes of regions, as shares of the frame's width and height, the smallest first.

A detector has to be made ready for each, which takes as long as two searches, and memory. People
are higher than wide.
"""
SIZES: Final = 1 + len(SHARES)
"""Sizes that a detector keeps ready when it searches regions, the whole frame's included."""
WORTH: Final = 0.75
"""Share of the frame that regions may have together; more, and the whole is as cheap."""
EDGE: Final = 3.0
"""Pixels from the edge of a region within which a face may be cut off by it."""


class Detector(Protocol):
    """Finds faces in pictures of any size."""

    @property
    def parts(self) -> bool:
        """Whether parts of a frame are worth being searched on their own."""

    @property
    def invoke_seconds(self) -> float:
        """Time spent inside the nets so far, seconds."""

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


def to_search(boxes: Sequence[Box], size: tuple[int, int]) -> tuple[Region, ...] | None:
    """Few regions that hold all boxes, as far as they are in the frame, and do not overlap.

    Args:
        boxes: in pixels; may overlap each other and reach beyond the frame.
        size: of the frame, width and height.

    Returns:
        None if it takes the whole frame.
    """
    apart: list[tuple[Box, Region]] = []
    for box in boxes:
        joined = _within(box, size)
        while True:
            region = _standard(joined, size)
            if region is None:
                return None
            near = [one for one in apart if region.box.overlap(one[1].box) > 0]
            if not near:
                break
            # What is joined is larger, and may reach a region that the parts did not.
            apart = [one for one in apart if one not in near]
            joined = _united([joined, *(box for box, _ in near)])
        apart.append((joined, region))
    regions = tuple(region for _, region in apart)
    area = sum(region.width * region.height for region in regions)
    return regions if area <= WORTH * size[0] * size[1] else None


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
    return sorted(found, key=lambda face: -face.score), False


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


def _standard(box: Box, size: tuple[int, int]) -> Region | None:
    """The smallest region around a box in the frame; None where it takes the whole frame."""
    for across, down in SHARES:
        width, height = int(size[0] * across), int(size[1] * down)
        # Where it begins is rounded.
        if box.width < width - 1 and (box.height < height - 1 or height == size[1]):
            x, y = box.centre
            left = int(min(max(x - width / 2, 0), size[0] - width))
            top = int(min(max(y - height / 2, 0), size[1] - height))
            return Region(left, top, width, height)
    return None
