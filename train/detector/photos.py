"""Photos with the boxes of their faces: what a detector learns from and is judged on."""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.sources.pictures import read_picture
from edge.values import Box, Landmarks, Pixels
from edge.vision.boxes import Rows, overlaps
from train.data.annotations import MASKED
from train.data.patches import Detector, Patch
from train.data.rows import Reading

LONGEST = 1400
"""Photos are shrunk to so many pixels: their faces are then no larger than a camera's."""
ENOUGH = 50
"""Faces with both boxes that tell how people draw."""
SAME = 0.9
"""Overlap from which on two boxes are one that was drawn twice, or clipped to its photo."""


@dataclass(slots=True)
class Photo:
    """One photo and where its faces are, in pixels of the picture as it is shown."""

    path: Path
    group: str
    """Photos of one group are near-duplicates: never split them."""
    collection: str
    boxes: Rows
    """Of the labelled faces, n x 4."""
    masked: NDArray[np.bool_]
    """Of each of these."""
    others: Rows
    """What else a person drew: heads of other classes, faces too small. No background, nor to be
    found."""
    is_crop: bool = False
    """Whether it was cut out around one face, whose box the detector found."""
    landmarks: dict[int, Landmarks] = field(default_factory=dict)
    """Of the faces, by row, where the detector that cut them found any."""

    def read(self) -> tuple[Pixels, float]:
        """Read it, and say by how much it was shrunk to LONGEST."""
        pixels = read_picture(self.path)
        scale = min(1.0, LONGEST / max(pixels.shape[:2]))
        if scale < 1:
            size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        return np.ascontiguousarray(pixels), scale


def collect_photos(
    patches: Sequence[Patch], readings: Sequence[Reading], second: Detector | None = None
) -> list[Photo]:
    """Gather faces by photo, sorted by path.

    A face crop without a box gets the one that the detector found in it, with its edges moved to
    where people draw them; where it found none, that of the second detector. A crop in which
    neither found a face is left out.

    Args:
        patches: the views of each face; those of one face follow each other.
        readings: what annotations say, to know of boxes that are no labelled faces.
        second: boxes faces as people draw them.

    Raises:
        MaskGateError: a crop cannot be read.
    """
    moved = _drawn_beside_found(patches)
    by_photo: dict[Path, list[tuple[NDArray[np.float64], Patch]]] = defaultdict(list)
    found: dict[tuple[Path, Box | None], Landmarks] = {}
    for patch in patches:
        path, labelled = patch.face.picture, patch.face.box
        sides = _sides(patch.photo_box)
        if labelled is not None and patch.around_label:
            by_photo[path].append((sides, patch))
        elif labelled is None and not patch.around_label:
            by_photo[path].append((sides + moved * np.tile(sides[2:] - sides[:2], 2), patch))
        if patch.landmarks is not None:
            found[path, labelled] = _in_photo(patch, patch.landmarks)
    if second is not None:
        for patch in patches:
            path = patch.face.picture
            unseen = patch.face.box is None and path not in by_photo
            if unseen and (box := _largest(second, path)) is not None:
                by_photo[path].append((_sides(box), patch))
    drawn = _drawn(readings)
    return [
        _photo(path, faces, drawn.get(path, np.empty((0, 4))), found)
        for path, faces in sorted(by_photo.items())
    ]


def _photo(
    path: Path,
    faces: Sequence[tuple[NDArray[np.float64], Patch]],
    drawn: Rows,
    found: Mapping[tuple[Path, Box | None], Landmarks],
) -> Photo:
    first = faces[0][1]
    boxes = np.stack([sides for sides, _ in faces])
    marks = {row: found.get((path, patch.face.box)) for row, (_, patch) in enumerate(faces)}
    return Photo(
        path,
        first.group,
        first.face.collection,
        boxes,
        np.array([patch.label == MASKED for _, patch in faces]),
        drawn[overlaps(drawn, boxes).max(axis=1) < SAME],
        first.face.box is None,
        {row: one for row, one in marks.items() if one is not None},
    )


def _largest(detector: Detector, path: Path) -> Box | None:
    """The largest face in a picture; None: there is none."""
    boxes = [face.box for face in detector.detect(read_picture(path))]
    return max(boxes, key=lambda box: box.width * box.height, default=None)


def _drawn_beside_found(patches: Sequence[Patch]) -> NDArray[np.float64]:
    """How far people draw the edges of a box from the detector's, as shares of its size (4).

    The median over the faces that have both boxes; 0 where these are few.
    """
    apart = []
    for drawn, found in itertools.pairwise(patches):
        if drawn.face is found.face and drawn.face.box is not None:
            sides = _sides(found.photo_box)
            apart.append((_sides(drawn.photo_box) - sides) / np.tile(sides[2:] - sides[:2], 2))
    if len(apart) < ENOUGH:
        return np.zeros(4)
    return np.asarray(np.median(apart, axis=0), np.float64)


def _sides(box: Box) -> NDArray[np.float64]:
    return np.array([box.left, box.top, box.right, box.bottom])


def _in_photo(patch: Patch, landmarks: Landmarks) -> Landmarks:
    """Landmarks of a patch in pixels of its photo."""
    scale = patch.box.width / patch.photo_box.width
    (x, y), (left, top) = patch.box.centre, patch.photo_box.centre
    return landmarks.moved(lambda at: ((at[0] - x) / scale + left, (at[1] - y) / scale + top))


def _drawn(readings: Sequence[Reading]) -> dict[Path, Rows]:
    """Every box that a person drew, whatever its class."""
    found: dict[Path, list[list[float]]] = defaultdict(list)
    for reading in readings:
        for row in reading.rows:
            if row.sides is not None:
                try:
                    found[row.folder / row.name].append([float(str(side)) for side in row.sides])
                except ValueError:
                    continue
    return {path: np.array(rows) for path, rows in found.items()}
