"""The frozen values that stages hand to each other."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""A picture: RGB, uint8, height x width x 3."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a camera, and when it was taken."""

    pixels: Pixels
    camera: str
    sequence: int
    """Counts the frames of this camera from 0, dropped ones included."""
    monotonic: float
    """Seconds on a clock that never steps; only differences mean something."""
    wall: float
    """Seconds since the Unix epoch, as the device believed at the time."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the frame; right and bottom are exclusive."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.bottom - self.top

    @property
    def centre(self) -> tuple[float, float]:
        """Centre (x, y) in pixels."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def overlap(self, other: "Box") -> float:
        """Intersection over union with another box, 0..1."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.width * self.height + other.width * other.height - shared)


Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Five points of a face, (x, y) in pixels of the frame; left and right as in the picture."""

    left_eye: Point
    right_eye: Point
    nose: Point
    mouth_left: Point
    mouth_right: Point

    @property
    def points(self) -> tuple[Point, Point, Point, Point, Point]:
        """All five, in this order."""
        return self.left_eye, self.right_eye, self.nose, self.mouth_left, self.mouth_right

    def moved(self, move: Callable[[Point], Point]) -> "Landmarks":
        """The same points somewhere else.

        Args:
            move: gives the new place of a point.
        """
        return Landmarks(*map(move, self.points))


@dataclass(frozen=True, slots=True)
class Face:
    """A face that the detector found in one frame."""

    box: Box
    score: float
    """The detector's confidence, 0..1."""
    landmarks: Landmarks


@dataclass(frozen=True, slots=True)
class Track:
    """One person followed over frames, as of the newest frame."""

    id: int
    """Counts the tracks of this process from 1."""
    box: Box
    """Where the face is now, or was when last seen."""
    face: Face | None
    """The face seen in this frame, or in an earlier one if nothing has moved there since.

    None while the person is lost from sight.
    """
    first_seen: float
    """Monotonic seconds."""
    last_seen: float
    """Monotonic seconds of the newest frame that showed the face."""
    hits: int
    """Number of frames in which the face was found."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the votes of a track say about the person."""

    label: str | None
    """One of the bundle's labels, or None while unsure."""
    confidence: float
    """How sure the votes are of the label, 0..1."""
    votes: int
    """Number of frames that counted."""
