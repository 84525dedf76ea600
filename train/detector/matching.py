"""Which of a detector's finds are which of the labelled faces."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.values import Face
from edge.vision.boxes import Rows, Scores, overlaps
from train.data.patches import Detector
from train.detector.photos import Photo
from train.detector.worse import Change, unchanged

OVERLAP = 0.4
"""A find is a labelled face from this intersection over union on. Less than the usual 0.5: people
draw the whole head, hair and ears included, detectors the face from brow to chin."""
STRICT = 0.5
"""The usual one (PASCAL VOC), to report beside it."""
NEAR = 0.3
"""From this overlap on, a find that is no labelled face is still about the box it overlaps."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a detector found in one photo, and what is there; in pixels of the photo as read."""

    boxes: Rows
    """Of the finds, n x 4."""
    scores: Scores
    """Of each of these, 0..1."""
    faces: Rows
    """The labelled faces, m x 4."""
    masked: NDArray[np.bool_]
    """Of each of these."""
    others: Rows
    """What is no background and not to be found either, k x 4; may repeat labelled faces."""
    landmarks: NDArray[np.float64] | None = None
    """Of the finds, n x 5 x 2, in the order of `Landmarks`; None where the detector gives none."""

    def above(self, threshold: float) -> "Found":
        """The same without the finds that score less than `threshold`."""
        kept = self.scores >= threshold
        points = None if self.landmarks is None else self.landmarks[kept]
        return Found(
            self.boxes[kept], self.scores[kept], self.faces, self.masked, self.others, points
        )


def found_in(photo: Photo, detector: Detector, change: Change = unchanged) -> Found:
    """Read a photo and let a detector look for its faces.

    Args:
        photo: with its labels.
        detector: that looks.
        change: what is done to the photo before.

    Raises:
        MaskGateError: the photo cannot be read.
    """
    pixels, scale = photo.read()
    found = detector.detect(change(pixels, photo.boxes * scale))
    return Found(
        boxes=np.array([_sides(face) for face in found], float).reshape(-1, 4),
        scores=np.array([face.score for face in found], float),
        faces=photo.boxes * scale,
        masked=photo.masked,
        others=photo.others * scale,
        landmarks=np.array([face.landmarks.points for face in found], float).reshape(-1, 5, 2),
    )


def _sides(face: Face) -> tuple[float, float, float, float]:
    return face.box.left, face.box.top, face.box.right, face.box.bottom


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What became of each find of a photo, in the order of the finds."""

    face: NDArray[np.intp]
    """Number of the labelled face that it found; -1: none."""
    near: NDArray[np.intp]
    """Number of the labelled face that it overlaps most, by NEAR at least; -1: none."""
    left_alone: NDArray[np.bool_]
    """It found no face and is near none, but overlaps one of the others by NEAR at least."""


def match(found: Found, overlap: float = OVERLAP) -> Matches:
    """Tell which finds are which labelled faces.

    The highest score chooses first, among the faces that are not taken the one that it overlaps
    most, by `overlap` at least; of equal scores the first. Faces of every size can be found: a
    size is asked about only when counting.
    """
    with_faces = overlaps(found.boxes, found.faces)
    face = np.full(len(found.boxes), -1, np.intp)
    free = np.ones(len(found.faces), np.bool_)
    for find in np.argsort(-found.scores, kind="stable"):
        if not free.any():
            break
        best = int(np.where(free, with_faces[find], -1).argmax())
        if with_faces[find, best] >= overlap:
            face[find] = best
            free[best] = False
    near = np.full(len(found.boxes), -1, np.intp)
    close = with_faces.max(axis=1, initial=0) >= NEAR
    if close.any():
        near[close] = with_faces[close].argmax(axis=1)
    about_others = overlaps(found.boxes, found.others).max(axis=1, initial=0) >= NEAR
    return Matches(face, near, (face < 0) & ~close & about_others)
