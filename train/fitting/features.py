"""What a frozen network says of faces: computed once, then kept on disk.

The file of the features is a plain .npy that readers map into memory. While it is being made it
is called .partial and grows batch by batch, so its length tells how far it is: after a kill the
next call goes on at the batch where it was.
"""

import fcntl
import hashlib
import os
import sys
import time
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
from train.data.store import cache_folder
from train.feed.faces import device_cuts
from train.fitting.devices import find_device
from train.models.backbone import Backbone

BATCH = 32
"""Faces that go through the network at once."""
PATIENCE = 300.0
"""Seconds without progress after which another process that computes the same is given up."""
UNUSED = 90 * 86_400.0
"""Seconds after which features that nobody asked for make room for others."""
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
    extractor = _extractor(backbone, layer)
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
        folder: to keep the file in; None takes features/ in the user's cache of MaskGate.

    Returns:
        Float32, faces x features, in the order of the patches; mapped from the file, read-only.

    Raises:
        MaskGateError: the backbone has no such layer, the folder cannot be written, or another
            process that computes the same features hangs.
    """
    extractor = _extractor(backbone, layer)
    shape = (len(patches), int(extractor.output_shape[1]))
    cut = f"{backbone.size} {margin:g}"
    key = f"{fingerprint} {shape} {cut} {backbone.name} {backbone.sha256} {layer}"
    folder = folder or cache_folder() / "features"
    done = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"
    try:
        if done.exists():
            os.utime(done)  # It is in use.
        else:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _forget_unused(folder)
            _fill(done, shape, partial(_batches, extractor, backbone, patches, margin))
        kept: Features = np.load(done, mmap_mode="r")
    except OSError as error:
        raise MaskGateError(
            f"features {done}: cannot be kept there ({error.strerror}); make room, or set "
            "XDG_CACHE_HOME to another folder"
        ) from error
    return kept


def _extractor(backbone: Backbone, layer: str | None) -> keras.Model:
    pixels = backbone.pixels()
    model = keras.Model(pixels, backbone.features_of(pixels, layer))
    model.jit_compile = find_device().xla  # Left to itself, Keras compiles for CPUs too.
    return model


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
        if done.exists():  # Another process finished meanwhile.
            return
        for _, rows in batches(_rows_there(file, shape)):
            file.write(rows.tobytes())
            # On disk before it counts, so that a power cut leaves no holes.
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(done)


def _forget_unused(folder: Path) -> None:
    for file in (*folder.glob("*.npy"), *folder.glob("*.partial")):
        if time.time() - file.stat().st_mtime > UNUSED:
            file.unlink(missing_ok=True)


def _lock(file: BinaryIO, path: Path) -> None:
    """Wait until no other process, be it on another machine, computes the same features."""
    size, since = -1, time.monotonic()
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            now = os.fstat(file.fileno()).st_size
            if size == -1:
                click.echo("another process computes the same features: waiting", err=True)
            if now != size:
                size, since = now, time.monotonic()
            elif time.monotonic() - since > PATIENCE:
                raise MaskGateError(
                    f"features {path}: another process began to compute them and has not moved "
                    f"for {PATIENCE:g} s; end it and start again"
                ) from None
            time.sleep(1)
        else:
            return


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
