"""A face detector's bundle: its nets in every form, and what each form keeps."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from convert.bundle import require_free, write_bundle
from convert.detector_nets import DetectorNets
from convert.detector_verification import Found, compare_faces, compare_nets
from convert.job import Job
from convert.on_gpu import Report
from convert.tflite import CALIBRATED, to_tflite
from convert.verification import LOSS
from edge.bundle import Form, load_bundle
from edge.demo.portraits import COLLINS, HOPPER, find_photo
from edge.errors import MaskGateError
from edge.sources.pictures import read_picture
from edge.values import Box, Pixels
from edge.vision.cut import cut_face
from edge.vision.pyramid import CELL
from train.models.mtcnn import OFFSET, SCALE

FORMS: tuple[Form, ...] = ("float32", "float16", "dynamic")
"""What is made unless asked otherwise. Not int8: its one scale for offsets, landmarks and score is
too coarse, see docs/trainer.md."""
PREFERENCE: tuple[Form, ...] = ("int8", "dynamic", "float32")
"""The default form is the first of these that every runtime runs and that loses no more than LOSS
of the faces."""
WINDOWS = 24
"""Pictures of each photo for each net, at most MOST_WINDOWS of all photos."""
MOST_WINDOWS = 600
"""Of each net."""


def write_detector(made_of: DetectorNets, photos: Sequence[Path], job: Job) -> None:
    """Convert a detector's nets, verify each form, and write the bundle.

    Args:
        made_of: the nets.
        photos: with faces, to calibrate and to compare on; the demo's two portraits if empty.
        job: what to make; float32 must be among its forms.

    Raises:
        MaskGateError: the folder is taken, a photo cannot be read, or there is no face in any.
    """
    require_free(job.out, overwrite=job.overwrite)
    forms = job.forms or FORMS
    if "float32" not in forms:
        raise MaskGateError("--form: float32 is what the others are compared with; add it")
    shown = [read_picture(path) for path in photos or _portraits()]
    windows = {name: _windows(shown, side) for name, side in made_of.sides.items()}
    models: dict[tuple[str, Form], bytes] = {}
    for name, net in made_of.nets.items():
        for form in forms:
            job.report(f"{name}: converting to {form}")
            examples = windows[name] if form in CALIBRATED else None
            models[name, form] = to_tflite(net, form, examples)
    expected = {name: _outputs(net, windows[name]) for name, net in made_of.nets.items()}
    kept, refused = compare_nets(models, windows, expected, job.under, job.report)
    found = _compare_faces(made_of, models, shown, job.report)
    default = _choose(found, refused, allow_loss=job.allow_loss)
    conversion = {
        "photos": len(shown),
        "faces": {form: one.summary() for form, one in found.items()},
        "nets beside Keras": kept,
        "not verified": list(job.skipped),
    }
    manifest = _manifest(made_of, default, conversion)
    write_bundle(job.out, manifest, models, overwrite=job.overwrite)
    job.report(f"wrote {job.out}, default form {default}")


def _portraits() -> list[Path]:
    return [find_photo(portrait) for portrait in (COLLINS, HOPPER)]


def _windows(photos: Sequence[Pixels], side: int) -> NDArray[np.float32]:
    """Squares of all sizes out of photos, as the nets are shown them; the same for the same photos.

    Returns:
        Pictures x side x side x 3, normalised.
    """
    rng = np.random.default_rng(0)
    each = max(1, min(WINDOWS, MOST_WINDOWS // len(photos)))
    cuts = []
    for photo in photos[:MOST_WINDOWS]:
        shorter = min(photo.shape[:2])
        for _ in range(each):
            # As many small ones as large ones, in octaves.
            width = min(shorter, CELL * 2 ** rng.uniform(0, np.log2(max(shorter / CELL, 2))))
            top, left = (rng.uniform(0, length - width) for length in photo.shape[:2])
            cuts.append(cut_face(photo, Box(left, top, left + width, top + width), side, 0.0))
    return (np.stack(cuts).astype(np.float32) - OFFSET) / SCALE


def _outputs(net: keras.Model, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """What Keras gives, one picture at a time, for the nets have a batch of one."""
    return np.concatenate([np.asarray(net(window[np.newaxis])) for window in windows])


def _compare_faces(
    made_of: DetectorNets,
    models: Mapping[tuple[str, Form], bytes],
    photos: Sequence[Pixels],
    report: Report,
) -> dict[Form, Found]:
    with tempfile.TemporaryDirectory(prefix="maskgate-convert-") as folder:
        place = Path(folder) / "bundle"
        write_bundle(place, _manifest(made_of, "float32", {}), models)
        return compare_faces(load_bundle(place), photos, report)


def _choose(found: Mapping[Form, Found], refused: Collection[Form], *, allow_loss: bool) -> Form:
    for form in [form for form in PREFERENCE if form in found and form not in refused]:
        if allow_loss or found[form].lost_share <= LOSS:
            return form
    return "float32"


def _manifest(made_of: DetectorNets, default: Form, conversion: dict[str, Any]) -> dict[str, Any]:
    facts = dict(made_of.facts)
    side = list(made_of.sides.values())[-1]
    return {
        "name": made_of.name,
        "version": made_of.version,
        "task": "face-detection",
        "input": {
            "width": side,
            "height": side,
            "colour": "RGB",
            "dtype": "float32",
            "offset": OFFSET,
            "scale": SCALE,
            "sampling": made_of.sampling,
        },
        "output": made_of.output,
        "default_form": default,
        "measured": {**facts.pop("measured", {}), "conversion": conversion},
        **facts,
    }
