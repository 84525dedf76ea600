"""Photos that another data folder has in more pixels: one photo each, shown in its larger form."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.sources.pictures import read_picture
from train.data.rows import Reading
from train.detector.photos import Photo


def repeating_pictures(readings: Sequence[Reading], readable: Collection[Path]) -> dict[Path, Path]:
    """Which photos another data folder repeats, and where: what its same_photo.csv says.

    Args:
        readings: what the folders say.
        readable: pictures that can be shown; another one repeats nothing.
    """
    said = dict(pair for reading in readings for pair in reading.repeating)
    repeating = {path: name for path, name in said.items() if path in readable}
    pictures = {row.folder / row.name: row.name for reading in readings for row in reading.rows}
    named = {name: path for path, name in pictures.items() if path not in repeating}
    return {named[name]: path for path, name in repeating.items() if name in named}


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
    here, there = (np.array(read_picture(path).shape[1::-1]) for path in (larger, photo.path))
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
