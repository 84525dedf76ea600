"""Remembers the faces that a run was trained on, to tell whether it is judged on them later."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import MaskGateError
from edge.vision.cut import cut_face
from train.data.patches import Patch

SEEN = "training_faces.csv"
"""Its name in a run folder."""
SIDE = 16
MARGIN = 0.5
ALIKE = 24
"""Two faces are taken for one if at most so many of their hashes' 256 bits differ.

Measured on 3,278 face crops: of those with a known near-duplicate, turned and mirrored ones
included, it finds 54 %; of the others it takes 0.4 % for one of another group, and most of these
are indeed of the same photo.
"""
CHUNK = 256
"""Faces that are compared with all others at once."""


def write_seen(run: Path, training: Sequence[Patch]) -> None:
    """Write RUN/training_faces.csv: file name, collection and hash of each face, no picture.

    Args:
        run: the run folder.
        training: what it was trained on; views around the detector's boxes are passed over.

    Raises:
        MaskGateError: the file cannot be written.
    """
    path = run / SEEN
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(("name", "collection", "hash"))
            for patch in training:
                if patch.around_label:
                    code = face_hash(patch).tobytes().hex()
                    table.writerow((patch.face.picture.name, patch.face.collection, code))
    except OSError as error:
        raise MaskGateError(f"{path}: cannot be written ({error.strerror})") from error


def faces_seen(path: Path, faces: Sequence[Patch]) -> int | None:
    """Count the faces that look like one of those a run was trained on.

    Args:
        path: what `write_seen` wrote.
        faces: cut around their labelled boxes.

    Returns:
        How many; None where there is no such file.

    Raises:
        MaskGateError: the file is not such a table.
    """
    if not path.is_file():
        return None
    try:
        with path.open(newline="", encoding="utf-8") as file:
            codes = [bytes.fromhex(row["hash"]) for row in csv.DictReader(file)]
        seen = np.array([np.frombuffer(code, np.uint8) for code in codes])
        return sum(_count(hashes, seen) for hashes in _chunks(faces)) if len(seen) else 0
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise MaskGateError(
            f"{path}: expected a table with the column hash, {SIDE * SIDE // 4} digits each; "
            f"found {error!r}"
        ) from error


def face_hash(patch: Patch) -> NDArray[np.uint8]:
    """Hash a face so that other sizes, light and compression change few bits (difference hash).

    Returns:
        32 bytes: for 16 x 16 places of the grey face, whether the one to the right is lighter.
    """
    face = cut_face(patch.pixels, patch.box, 4 * SIDE, MARGIN)
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SIDE + 1, SIDE), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1])


def _chunks(faces: Sequence[Patch]) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(faces), CHUNK):
        yield np.stack([face_hash(patch) for patch in faces[start : start + CHUNK]])


_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1, dtype=np.uint16)
"""How many bits are set in each byte."""


def _count(hashes: NDArray[np.uint8], seen: NDArray[np.uint8]) -> int:
    """How many of some hashes are alike to one that was seen."""
    nearest = np.full(len(hashes), SIDE * SIDE, np.uint16)
    for start in range(0, len(seen), CHUNK):
        differ = _BITS[hashes[:, None] ^ seen[None, start : start + CHUNK]].sum(axis=2)
        nearest = np.minimum(nearest, differ.min(axis=1))
    return int((nearest <= ALIKE).sum())
