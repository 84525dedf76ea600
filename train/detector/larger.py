"""Photos that another data folder has in more pixels: one photo each, shown in its larger form."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.sources.pictures import read_picture
from train.data.rows import Reading
from train.detector.photos import Photo


def repeating_pictures(readings: Sequence[Reading]) -> dict[Path, Path]:
    """Which photos another data folder repeats, and where: what its same_photo.csv says."""
    rows = [row for reading in readings for row in reading.rows]
    named = {f"photo {row.name}": row.folder / row.name for row in rows}
    repeating = {}
    for row in rows:
        photo, picture = named.get(row.group), row.folder / row.name
        if photo is not None and photo != picture:
            repeating[photo] = picture
    return repeating


def in_more_pixels(photo: Photo, repeating: Mapping[Path, Path]) -> Photo:
    """The same photo, with the faces that are labelled in it, in its larger form if there is one.

    Args:
        photo: as it is labelled.
        repeating: see `repeating_pictures`.

    Raises:
        MaskGateError: one of the two pictures cannot be read.
    """
    if photo.path not in repeating:
        return photo
    larger = repeating[photo.path]
    sides = (np.array(read_picture(path).shape[1::-1], float) for path in (larger, photo.path))
    here, there = sides
    times = here / there
    if times.min() <= 1:
        return photo
    return replace(
        photo,
        path=larger,
        boxes=photo.boxes * np.tile(times, 2),
        others=photo.others * np.tile(times, 2),
        landmarks={
            row: marks.moved(lambda at: (at[0] * times[0], at[1] * times[1]))
            for row, marks in photo.landmarks.items()
        },
    )
