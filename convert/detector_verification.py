"""What each form of the detector keeps: of its nets' numbers, and of the faces it finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.on_gpu import A_RUN, STARTING, Report
from convert.verification import Runtime, try_threads
from edge.bundle import Bundle, Form
from edge.config import Detector
from edge.errors import MaskGateError
from edge.finder import detector_in
from edge.runtime.accelerator import Accelerator
from edge.runtime.trial import Trial, TrialError, try_model
from edge.values import Face, Pixels

SMALLEST_FACE = 20
"""Pixels of a photo; the `mtcnn` package's own setting."""
SAME, CLOSE = 0.5, 0.9
"""Overlap from which two boxes show the same face, and from which they are hardly to be told
apart."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a form finds of the faces that float32 finds."""

    faces: int
    """That float32 finds."""
    lost: int
    """Of those, not found."""
    close: int
    """Of those, found with a box that overlaps by CLOSE or more."""
    extra: int
    """Found, though float32 does not."""
    seconds: float
    """Inside the nets, for all photos."""

    @property
    def lost_share(self) -> float:
        """0..1."""
        return self.lost / max(self.faces, 1)

    def summary(self) -> dict[str, Any]:
        """Give the numbers for a manifest."""
        return {
            "of_float32": self.faces,
            "lost": self.lost,
            f"overlap_{CLOSE:g}": self.close,
            "extra": self.extra,
            "seconds_in_nets": round(self.seconds, 3),
        }


def compare_faces(bundle: Bundle, photos: Sequence[Pixels], report: Report) -> dict[Form, Found]:
    """Find the faces in photos by each form, as the device does.

    Args:
        bundle: of a detector.
        photos: RGB uint8, of any sizes.
        report: gets a line for each form.

    Raises:
        MaskGateError: the runtime refuses a form, the bundle lacks float32, or that finds no face.
    """
    forms = list(dict.fromkeys(file.form for file in bundle.manifest.files))
    if "float32" not in forms:
        raise MaskGateError(
            f"bundle {bundle.path}: expected float32 among its forms, to compare the others with, "
            f"found {', '.join(forms)}; convert again"
        )
    forms.sort(key=lambda form: form != "float32")
    found: dict[Form, Found] = {}
    expected: list[list[Face]] = []
    for form in forms:
        faces, seconds = _faces(bundle, form, photos)
        expected = expected or faces
        if not any(expected):
            raise MaskGateError(
                f"photos: expected some with faces to compare the forms on, found none in "
                f"{len(photos)}; name others"
            )
        found[form] = _compare(faces, expected, seconds)
        one = found[form]
        report(
            f"{form}: of {one.faces} faces {one.lost} lost, {one.close} with boxes that overlap "
            f"by {CLOSE:g} or more; {one.extra} others; {one.seconds:.2f} s in the nets"
        )
    return found


def _faces(bundle: Bundle, form: Form, photos: Sequence[Pixels]) -> tuple[list[list[Face]], float]:
    settings = Detector.model_validate({"min_face": SMALLEST_FACE, "form": form})
    detector = detector_in(bundle, settings)
    seconds, faces = 0.0, []
    for photo in photos:
        before = detector.invoke_seconds
        faces.append(detector.detect(photo))
        seconds += detector.invoke_seconds - before
    return faces, seconds


def _compare(
    faces: Sequence[Sequence[Face]], expected: Sequence[Sequence[Face]], seconds: float
) -> Found:
    overlaps = [
        _best(face, here) for here, there in zip(faces, expected, strict=True) for face in there
    ]
    extra = [
        _best(face, there) for here, there in zip(faces, expected, strict=True) for face in here
    ]
    return Found(
        len(overlaps),
        sum(overlap < SAME for overlap in overlaps),
        sum(overlap >= CLOSE for overlap in overlaps),
        sum(overlap < SAME for overlap in extra),
        seconds,
    )


def _best(face: Face, others: Sequence[Face]) -> float:
    return max((face.box.overlap(other.box) for other in others), default=0.0)


def compare_nets(
    models: Mapping[tuple[str, Form], bytes],
    windows: Mapping[str, NDArray[np.float32]],
    expected: Mapping[str, NDArray[np.float32]],
    under: Sequence[Runtime],
    report: Report,
) -> tuple[dict[str, Any], set[Form]]:
    """Run each net in each form under each runtime, and the float16 ones on the GPU.

    Args:
        models: the .tflite file of each net in each form.
        windows: pictures for each net.
        expected: what Keras gives of them.
        under: the runtimes.
        report: gets a line where something is refused.

    Returns:
        By net, form and runtime: differences from Keras and milliseconds, or why there are none;
        and the forms that a runtime refuses on the CPU.
    """
    found: dict[str, Any] = {}
    refused: set[Form] = set()
    for ((net, form), content), runtime in product(models.items(), under):
        report(f"{net} {form}: running under {runtime.name}")
        try:
            trial, milliseconds = try_threads(content, windows[net], runtime)
            found[f"{net} {form}, {trial.runtime}"] = {
                **_differences(trial, expected[net]),
                "milliseconds": {str(key): round(ms, 3) for key, ms in milliseconds.items()},
            }
        except TrialError as error:
            found[f"{net} {form}, {runtime.name}"] = str(error)
            report(f"{net} {form} under {runtime.name}: {error}")
            refused.add(form)
        if form == "float16" and runtime is under[0]:
            found[f"{net} {form}, GPU"] = _on_gpu(content, windows[net], expected[net])
    return found, refused


def _on_gpu(
    content: bytes, shown: NDArray[np.float32], expected: NDArray[np.float32]
) -> dict[str, float] | str:
    limit = STARTING + A_RUN * len(shown)
    try:
        trial = try_model(content, Accelerator("gpu"), shown, repeats=1, limit=limit)
    except TrialError as error:
        return str(error)
    return _differences(trial, expected)


def _differences(trial: Trial, expected: NDArray[np.float32]) -> dict[str, float]:
    difference = np.abs(trial.outputs.reshape(expected.shape) - expected)
    return {
        "largest_difference": round(float(difference.max()), 6),
        "mean_difference": round(float(difference.mean()), 6),
    }
