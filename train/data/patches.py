"""Faces with the surroundings that a training cut may reach, kept as uint8."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from edge.sources.pictures import read_picture
from edge.values import Box, Face, Landmarks, Pixels, Point
from edge.vision.cut import cut_face, whole_picture
from train.data.annotations import LabelledFace

REACH = 1.0
"""A patch shows the face's longer side and this share of it around."""
LARGEST = 256
"""Longest side of a patch in pixels; larger faces are shrunk to it: to 128 pixels, the CNN's."""


class Detector(Protocol):
    """Whatever finds faces; the device's cascade does."""

    def detect(self, pixels: Pixels) -> list[Face]:
        """Find the faces in an RGB uint8 picture."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """One face, its label, and what a jittered cut around it may show."""

    pixels: Pixels
    """RGB, square; the face's box is at its centre."""
    face: LabelledFace
    """What a person labelled; two patches may show the same face."""
    label: str
    """The face's class, or another one after a mask was drawn on it."""
    box: Box
    """The face in pixels of the patch."""
    photo_box: Box
    """The face in pixels of its photo."""
    landmarks: Landmarks | None
    """In pixels of the patch; the detector's, so a labelled box has none."""

    @property
    def around_label(self) -> bool:
        """Whether the box is the one that a person drew, not the detector's."""
        return self.landmarks is None

    @property
    def size(self) -> float:
        """Longer side of the face in pixels of its photo."""
        return max(self.photo_box.width, self.photo_box.height)

    @property
    def group(self) -> str:
        """Faces of one group show the same photo or near-duplicates: never split them."""
        return self.face.group


def make_patch(
    photo: Pixels, face: LabelledFace, box: Box, landmarks: Landmarks | None = None
) -> Patch:
    """Cut a face and its surroundings out of a photo, at the photo's own scale up to LARGEST."""
    side = max(box.width, box.height) * (1 + REACH)
    pixels = cut_face(photo, box, max(8, min(LARGEST, round(side))), REACH)
    scale = pixels.shape[0] / side
    middle = pixels.shape[0] / 2
    centre_x, centre_y = box.centre

    def in_patch(point: Point) -> Point:
        x, y = point
        return (x - centre_x) * scale + middle, (y - centre_y) * scale + middle

    points = landmarks and landmarks.moved(in_patch)
    inner = Box(*in_patch((box.left, box.top)), *in_patch((box.right, box.bottom)))
    return Patch(pixels, face, face.label, inner, box, points)


def collect_patches(
    faces: Iterable[LabelledFace], detector: Detector, smallest: float = 0.0
) -> Iterator[Patch]:
    """Cut all labelled faces, around the labelled boxes and around those that the detector finds.

    Each face gives one patch around the labelled box, followed by one more if the detector finds
    it, since people draw boxes looser than detectors do. The box of a crop without one is
    `whole_picture`, as it is for the device.

    Args:
        faces: faces of one photo must follow each other.
        detector: finds faces in RGB uint8 pictures.
        smallest: pixels that a detector's box must have at least.

    Raises:
        MaskGateError: a picture cannot be read.
    """
    for picture, labelled in groupby(faces, key=lambda face: face.picture):
        photo = read_picture(picture)
        found = detector.detect(photo)
        for face in labelled:
            match = _largest(found) if face.box is None else _closest(found, face.box)
            yield make_patch(photo, face, face.box or whole_picture(photo))
            if match is not None and max(match.box.width, match.box.height) >= smallest:
                yield make_patch(photo, face, match.box, match.landmarks)


def _largest(found: Sequence[Face]) -> Face | None:
    return max(found, key=lambda face: face.box.width, default=None)


def _closest(found: Sequence[Face], box: Box) -> Face | None:
    """The found face that shares most with a labelled box, if they share enough.

    0.35, for people draw the whole head where detectors box the face within it.
    """
    best = max(found, key=lambda face: face.box.overlap(box), default=None)
    return best if best is not None and best.box.overlap(box) >= 0.35 else None
