"""Keeps cut faces on disk: one file of pixels, mapped into memory, and an index.

Faces are cut once for the same data and code; data larger than memory streams, since the mapped
file is read only where it is used.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from edge.errors import MaskGateError
from edge.values import Box, Landmarks
from train.data.annotations import Annotations, LabelledFace
from train.data.grouping import Twin
from train.data.patches import Patch
from train.data.rows import Skipped

_PIXELS, _INDEX, _PART = "pixels.u8", "index.json", "part-"
_ABANDONED = 24 * 3600.0
"""Seconds without a write after which a part belongs to a process that was killed."""
_UNUSED = 30 * 24 * 3600.0
"""Seconds after which faces that no run has asked for are removed."""


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """What a cache holds of one data set."""

    patches: list[Patch]
    annotations: Annotations
    twins: list[Twin]
    refused: int
    """Pairs alike that were not joined, since the group would have become too large."""
    fingerprint: str


def cache_folder() -> Path:
    """Where cut faces are kept: $XDG_CACHE_HOME/maskgate, ~/.cache/maskgate by default."""
    # An empty or relative value counts as none (XDG Base Directory Specification).
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return (base if base.is_absolute() else Path.home() / ".cache") / "maskgate"


class Writer:
    """Writes faces beside the place where they will be found, until they are complete."""

    def __init__(self, place: Path) -> None:
        """Open a part.

        Args:
            place: the folder to make.

        Raises:
            MaskGateError: nothing can be written there.
        """
        self._place = place
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _tidy(place.parent)
            self._part = Path(tempfile.mkdtemp(prefix=_PART, dir=place.parent))
            self._file: BinaryIO = (self._part / _PIXELS).open("wb")
        except OSError as error:
            raise _refusal(place, error) from error
        self._records: list[dict[str, Any]] = []
        self._digest = hashlib.sha256()

    def add(self, patch: Patch, face: int) -> None:
        """Write a patch.

        Args:
            patch: its pixels go to the disk.
            face: which of the annotations' faces it shows.
        """
        try:
            self._file.write(patch.pixels.tobytes())
        except OSError as error:
            raise _refusal(self._place, error) from error
        self._digest.update(patch.pixels.tobytes() + patch.label.encode())
        self._records.append(
            {
                "face": face,
                "side": patch.pixels.shape[0],
                "box": _sides(patch.box),
                "photo_box": _sides(patch.photo_box),
                "landmarks": patch.landmarks and list(asdict(patch.landmarks).values()),
            }
        )

    def finish(self, annotations: Annotations, twins: list[Twin], refused: int) -> None:
        """Complete the folder; if another process was faster, its folder stays."""
        groups: dict[str, int] = {}
        for record in self._records:
            # Numbered, for a group's name holds its folder's.
            group = annotations.faces[record["face"]].group
            self._digest.update(str(groups.setdefault(group, len(groups))).encode())
        index = {
            "annotations": _saved(annotations),
            "twins": [asdict(twin) for twin in twins],
            "refused": refused,
            "fingerprint": self._digest.hexdigest(),
            "patches": self._records,
        }
        try:
            self._file.close()
            text = json.dumps(index, default=str)
            (self._part / _INDEX).write_text(text, encoding="utf-8")
            if read_store(self._place) is None:
                shutil.rmtree(self._place, ignore_errors=True)
                self._part.rename(self._place)
        except OSError as error:
            # Not empty: it is there by now, complete, for it too was renamed.
            if read_store(self._place) is None:
                raise _refusal(self._place, error) from error

    def close(self) -> None:
        """Remove what is not complete."""
        self._file.close()
        shutil.rmtree(self._part, ignore_errors=True)


def read_store(place: Path) -> Stored | None:
    """Open a cache; None where there is none, or one that is not whole."""
    try:
        index = json.loads((place / _INDEX).read_text(encoding="utf-8"))
        size = sum(3 * record["side"] ** 2 for record in index["patches"])
        if (place / _PIXELS).stat().st_size != size:
            return None
        annotations = _annotations(index["annotations"])
        # An empty file cannot be mapped.
        flat = np.memmap(place / _PIXELS, np.uint8, "r") if size else np.zeros(0, np.uint8)
        patches, start = [], 0
        for record in index["patches"]:
            end = start + 3 * record["side"] ** 2
            pixels = np.asarray(flat[start:end]).reshape(record["side"], record["side"], 3)
            patches.append(_patch(record, pixels, annotations.faces[record["face"]]))
            start = end
        os.utime(place)
        twins = [Twin(**twin) for twin in index["twins"]]
        return Stored(patches, annotations, twins, index["refused"], index["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def _tidy(folder: Path) -> None:
    """Remove what killed processes left, and faces long unused."""
    now = time.time()
    for path in folder.iterdir():
        try:
            if path.name.startswith(_PART):
                last = max(inner.stat().st_mtime for inner in (path, *path.iterdir()))
                old = now - last > _ABANDONED
            else:
                old = (path / _INDEX).is_file() and now - path.stat().st_mtime > _UNUSED
        except OSError:  # another process was faster
            continue
        if old:
            shutil.rmtree(path, ignore_errors=True)


def _refusal(place: Path, error: OSError) -> MaskGateError:
    return MaskGateError(
        f"cache {place.parent}: cannot be written ({error.strerror}); it keeps the cut faces, "
        "set XDG_CACHE_HOME to a folder with room"
    )


def _sides(box: Box) -> list[float]:
    return [box.left, box.top, box.right, box.bottom]


def _saved(annotations: Annotations) -> dict[str, Any]:
    return {
        "faces": [asdict(face) for face in annotations.faces],
        "skipped": [asdict(one) for one in annotations.skipped],
        "unused": annotations.unused,
        "clipped": annotations.clipped,
        "differing": annotations.differing,
        "test_photos": annotations.test_photos,
        "tiny": annotations.tiny,
    }


def _annotations(saved: dict[str, Any]) -> Annotations:
    faces = [
        LabelledFace(
            Path(face["picture"]),
            face["label"],
            Box(**face["box"]) if face["box"] else None,
            face["group"],
            face["collection"],
        )
        for face in saved["faces"]
    ]
    skipped = [Skipped(**one) for one in saved["skipped"]]
    rest = {name: saved[name] for name in ("clipped", "differing", "test_photos", "tiny")}
    return Annotations(faces, skipped, saved["unused"], **rest)


def _patch(record: dict[str, Any], pixels: Any, face: LabelledFace) -> Patch:
    points = record["landmarks"]
    landmarks = Landmarks(*((x, y) for x, y in points)) if points else None
    box, photo_box = Box(*record["box"]), Box(*record["photo_box"])
    return Patch(pixels, face, face.label, box, photo_box, landmarks)
