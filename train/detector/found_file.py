"""What a detector found in the photos it is judged by, in a file of its run.

With it the figures at another threshold are there at once, without the photos.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from train.detector.matching import Found

FOUND_FILE = "found.npz"
"""Of a run."""
_OF_FINDS, _OF_FACES, _OF_OTHERS = ("boxes", "scores"), ("faces", "masked"), ("others",)


def write_found(file: Path, found: Sequence[Found]) -> None:
    """Write what was found in each photo, without the landmarks.

    Raises:
        OSError: it cannot be written.
    """
    arrays: dict[str, np.ndarray] = {}
    for names in (_OF_FINDS, _OF_FACES, _OF_OTHERS):
        parts = {name: [getattr(one, name) for one in found] for name in names}
        arrays |= {name: np.concatenate(part) for name, part in parts.items()}
        arrays[f"counts of {names[0]}"] = np.array([len(part) for part in parts[names[0]]])
    np.savez_compressed(file, allow_pickle=False, **arrays)


def read_found(file: Path) -> list[Found]:
    """Read what was found in each photo.

    Raises:
        OSError: the file is missing.
        ValueError: it is none of these.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            parts = {
                name: np.split(arrays[name], np.cumsum(arrays[f"counts of {names[0]}"])[:-1])
                for names in (_OF_FINDS, _OF_FACES, _OF_OTHERS)
                for name in names
            }
        photos = zip(*parts.values(), strict=True)
        return [Found(**dict(zip(parts, photo, strict=True))) for photo in photos]
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{file.name}: it is damaged") from error
