"""What a frozen network says of faces: computed once, then kept on disk.

The file of the features is a plain .npy that readers map into memory. While it is being made it
is called .partial and grows batch by batch, so its length tells how far it is: after a kill the
next call goes on at the batch where it was.
"""

import fcntl
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import click
import keras
import numpy as np
from numpy.typing import NDArray

from edge.errors import MaskGateError
from train.data.patches import Patch
from train.feed.faces import device_cuts
from train.models.backbone import Backbone

BATCH = 32
"""Faces that go through the network at once."""
Features = NDArray[np.float32]
"""Faces x features."""


def features(
    patches: Sequence[Patch], backbone: Backbone, layer: str | None = None, *, margin: float = 0.0
) -> Features:
    """Compute the features of faces, shown as the device cuts them.

    Args:
        patches: the faces.
        backbone: the network, which also gives the size of the cut.
        layer: name of the layer to take, e.g. "fc2" (4,096 features) of VGG16 with its top; None
            takes the last one. Feature maps are averaged over the picture.
        margin: what the cut adds around the box, see `edge.vision.cut.cut_face`.

    Returns:
        Float32, faces x features, in the order of the patches.

    Raises:
        MaskGateError: the backbone has no such layer.
    """
    extractor = backbone.extractor(layer)
    found = np.empty((len(patches), extractor.output_shape[1]), np.float32)
    for first, rows in _batches(extractor, backbone, patches, margin, start=0):
        found[first : first + len(rows)] = rows
    return found


def cached_features(
    patches: Sequence[Patch],
    fingerprint: str,
    backbone: Backbone,
    layer: str | None = None,
    *,
    margin: float = 0.0,
    folder: Path | None = None,
) -> Features:
    """Give the features of a data set's faces, from disk if they were computed before.

    Args:
        patches: all faces of the data set.
        fingerprint: names the very faces, in this order; see `train.data.dataset.Dataset`.
        backbone: as for `features`.
        layer: as for `features`.
        margin: as for `features`.
        folder: to keep the file in; None takes `cache_folder()`.

    Returns:
        Float32, faces x features, in the order of the patches; mapped from the file, read-only.

    Raises:
        MaskGateError: the backbone has no such layer, the folder cannot be written, or another
            process is computing the same features.
    """
    extractor = backbone.extractor(layer)
    shape = (len(patches), int(extractor.output_shape[1]))
    cut = f"{backbone.size} {margin:g}"
    key = f"{fingerprint} {shape} {cut} {backbone.name} {backbone.sha256} {layer}"
    done = (folder or cache_folder()) / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"
    try:
        if not done.exists():
            done.parent.mkdir(parents=True, exist_ok=True)
            _fill(done, shape, partial(_batches, extractor, backbone, patches, margin))
        kept: Features = np.load(done, mmap_mode="r")
    except OSError as error:
        raise MaskGateError(
            f"features {done}: cannot be kept there ({error.strerror}); make room, or set "
            "XDG_CACHE_HOME to another folder"
        ) from error
    return kept


def cache_folder() -> Path:
    """Where features are kept: $XDG_CACHE_HOME/maskgate/features, by default under ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "maskgate" / "features"


def _fill(
    done: Path, shape: tuple[int, int], batches: Callable[[int], Iterator[tuple[int, Features]]]
) -> None:
    """Append to the unfinished file what it lacks, then give it its name.

    Args:
        done: the finished file.
        shape: faces and features.
        batches: computes the features from a given face on.
    """
    unfinished = done.with_suffix(".partial")
    with unfinished.open("ab") as file:
        _lock(file, unfinished)
        if done.exists():  # Another process finished between the look and the lock.
            return
        for _, rows in batches(_rows_there(file, shape)):
            file.write(rows.tobytes())
            # On disk before it counts, so that a power cut leaves no holes.
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(done)


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise MaskGateError(
            f"features {path}: another process is computing them; start again when it is done"
        ) from None


def _rows_there(file: BinaryIO, shape: tuple[int, int]) -> int:
    """Write the header of a new file, or cut off what a kill left of a batch; count the faces."""
    header = BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    length, row = len(header.getvalue()), shape[1] * 4
    there = os.fstat(file.fileno()).st_size
    if there < length:
        file.truncate(0)
        file.write(header.getvalue())
        return 0
    batches = (there - length) // (row * BATCH)
    rows = min(batches * BATCH, shape[0])
    file.truncate(length + rows * row)
    return rows


def _batches(
    extractor: keras.Model, backbone: Backbone, patches: Sequence[Patch], margin: float, start: int
) -> Iterator[tuple[int, Features]]:
    """Compute the features of the faces from `start` on, batch by batch, and show progress."""
    label = f"features of {backbone.name}"
    with click.progressbar(length=len(patches), label=label, file=sys.stderr) as bar:
        bar.update(start)
        for first in range(start, len(patches), BATCH):
            cuts = device_cuts(patches[first : first + BATCH], backbone.size, margin)
            # Always a whole batch: another shape would have the network compiled once more.
            whole = np.zeros((BATCH, *cuts.shape[1:]), np.float32)
            whole[: len(cuts)] = cuts
            rows = np.asarray(extractor.predict_on_batch(whole), np.float32)[: len(cuts)]
            bar.update(len(cuts))
            yield first, rows
