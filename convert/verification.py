"""Proves what a conversion kept: every form under every runtime, on the same faces."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.on_gpu import A_RUN, STARTING, OnGpu, Refused, Report, gpu_summary, try_gpu
from convert.tflite import FORMS
from edge.bundle import Form
from edge.errors import MaskGateError
from edge.runtime.accelerator import CPU, Accelerator
from edge.runtime.interpreter import runtime_name
from edge.runtime.trial import Trial, TrialError, try_model

THREADS = (1, 2, 4)
"""Of the CPU, for the latencies."""
REPEATS, BUDGET = 40, 4.0
"""Timed runs for each latency, and the seconds after which fewer have to do."""
LOSS = 0.003
"""Share of accuracy that a form may lose and still be offered as the default."""
ROUNDING = 1e-9
"""Differences of shares are not exact: 0.97 - 0.967 comes out as more than 0.003."""
PREFERENCE: tuple[Form, ...] = ("uint8", "int8", "dynamic", "float16", "float32")
"""The default form is the first of these that loses no more than LOSS."""

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Runtime:
    """A TFLite runtime to verify with."""

    name: str
    python: Path | None = None
    """Of the environment that it is installed in; this one when None."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The faces that every form is shown, and what is expected of it."""

    pictures: NDArray[np.uint8]
    """Faces x height x width x 3, RGB, cut as the device cuts them."""
    masked: Flags
    threshold: float
    expected: Numbers
    """Probability of `face_with_mask` by the reference."""
    reference: str
    """What the reference is, e.g. "Keras"."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a form under a runtime kept of the reference."""

    form: Form
    runtime: str
    size: int
    """Bytes of the file."""
    probabilities: Numbers
    largest: float
    """Difference of a probability from the reference's, the largest and the mean."""
    mean: float
    changed: Flags
    """Which faces got the other label."""
    accuracy: float
    balanced_accuracy: float
    lost: float
    """Share of accuracy lost, or of balanced accuracy where that is more; negative if gained."""
    milliseconds: Mapping[int, float]
    """Median of a run, by threads."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found out about all forms."""

    shown: Shown
    kept: Sequence[Kept]
    refused: Sequence[Refused]
    gpu: OnGpu | Refused | None
    """Of the float16 form; None where there is no GPU to try it on."""
    skipped: Sequence[str] = ()
    """What could not be verified here, and why."""


def runtimes(legacy: Path | None) -> tuple[list[Runtime], list[str]]:
    """Give the runtimes that are there, and say which are not.

    Args:
        legacy: Python of an environment with tflite-runtime 2.14; None where there is none.

    Raises:
        MaskGateError: there is no such file.
    """
    here = Runtime(runtime_name())
    if legacy is None:
        reason = "tflite-runtime 2.14: not verified; give --tflite-runtime its environment's Python"
        return [here], [reason]
    if not legacy.is_file():
        raise MaskGateError(
            f"--tflite-runtime {legacy}: expected the Python of an environment with "
            "tflite-runtime 2.14, found no file; `make .venv-legacy/ready` makes one"
        )
    # Not resolved: the link's place is what makes it that environment's Python.
    return [here, Runtime("tflite-runtime", legacy.absolute())], []


def verify(
    contents: Mapping[Form, bytes],
    shown: Shown,
    under: Sequence[Runtime],
    report: Report,
    skipped: Sequence[str] = (),
) -> Verification:
    """Run every form under every runtime.

    Args:
        contents: the .tflite file of each form.
        shown: at least one face.
        under: of `runtimes`.
        report: gets a line for each form and runtime.
        skipped: what cannot be verified, and why; passed on.
    """
    kept: list[Kept] = []
    refused: list[Refused] = []
    for form in [form for form in FORMS if form in contents]:
        for runtime in under:
            try:
                found = _judge(form, contents[form], shown, runtime)
                kept.append(found)
                report(_sentence(found))
            except TrialError as error:
                refused.append(Refused(form, runtime.name, str(error)))
                report(f"{form} under {runtime.name}: {error}")
    gpu, missing = try_gpu(contents, shown.pictures, report)
    return Verification(shown, kept, refused, gpu, [*skipped, *missing])


def choose_default(found: Verification, *, allow_loss: bool) -> tuple[Form, dict[Form, str]]:
    """Choose the form that devices shall run.

    Args:
        found: of `verify`, at least one form kept.
        allow_loss: take the most preferred form whatever it loses.

    Returns:
        The form, and why each form that is preferred to it was not taken.

    Raises:
        MaskGateError: no form is good enough.
    """
    reasons: dict[Form, str] = {}
    there = {one.form for one in found.kept} | {one.form for one in found.refused}
    for form in [form for form in PREFERENCE if form in there]:
        against = list(faults(form, found, allow_loss=allow_loss))
        if not against:
            return form, reasons
        reasons[form] = "; ".join(against)
    listed = ". ".join(f"{form}: {reason}" for form, reason in reasons.items())
    raise MaskGateError(
        f"no form keeps what the model knew. {listed}. --allow-loss accepts what is lost"
    )


def faults(form: Form, found: Verification, *, allow_loss: bool = False) -> Iterator[str]:
    """Say why a form cannot be the default.

    Args:
        form: which.
        found: of `verify`.
        allow_loss: whether it may lose what it likes.
    """
    yield from (f"{one.runtime} refuses it" for one in found.refused if one.form == form)
    for one in [one for one in found.kept if one.form == form]:
        if not math.isfinite(one.largest):
            yield f"gives no number for some faces under {one.runtime}"
        elif one.lost > LOSS + ROUNDING and not allow_loss:
            yield (
                f"loses {one.lost * 100:.2f} points of accuracy under {one.runtime}, "
                f"{LOSS * 100:g} are allowed"
            )


def _judge(form: Form, content: bytes, shown: Shown, runtime: Runtime) -> Kept:
    inputs = shown.pictures.astype(np.float32)
    trial, milliseconds = try_threads(content, inputs, runtime)
    probabilities = trial.outputs.reshape(len(inputs), -1)[:, 0].astype(np.float64)
    difference = np.abs(probabilities - shown.expected)
    says, said = (numbers >= shown.threshold for numbers in (probabilities, shown.expected))
    before, after = (accuracies(labels, shown.masked) for labels in (said, says))
    return Kept(
        form,
        trial.runtime,
        len(content),
        probabilities,
        float(difference.max()),
        float(difference.mean()),
        says != said,
        *after,
        max(old - new for old, new in zip(before, after, strict=True)),
        milliseconds,
    )


def accuracies(says: Flags, masked: Flags) -> tuple[float, float]:
    """Accuracy, and the mean of both classes' recalls (of the one class where there is one)."""
    right = says == masked
    recalls = [right[side].mean() for side in (masked, ~masked) if side.any()]
    return float(right.mean()), float(np.mean(recalls))


def try_threads(
    content: bytes, inputs: NDArray[np.float32], runtime: Runtime
) -> tuple[Trial, dict[int, float]]:
    """Run a form on the CPU.

    Args:
        content: the .tflite file.
        inputs: what the model is given, see `try_model`.
        runtime: what it shall run under.

    Returns:
        What one thread gave of all inputs, and the milliseconds of a run with each of THREADS.

    Raises:
        TrialError: the runtime refuses it.
    """
    trials = {
        threads: try_model(
            content,
            Accelerator("cpu", threads),
            inputs if threads == CPU.threads else inputs[:1],
            repeats=REPEATS,
            limit=STARTING + A_RUN * (len(inputs) + REPEATS),
            budget=BUDGET,
            python=runtime.python,
        )
        for threads in THREADS
    }
    return trials[CPU.threads], {threads: one.median * 1000 for threads, one in trials.items()}


def _sentence(kept: Kept) -> str:
    times = ", ".join(f"{ms:.2f} ms on {threads}" for threads, ms in kept.milliseconds.items())
    return (
        f"{kept.form} under {kept.runtime}: {kept.accuracy:.2%} right, "
        f"{int(kept.changed.sum())} labels changed, difference {kept.largest:.3f} at most, "
        f"{kept.size / 1000:.0f} KB; {times}"
    )


def summary(found: Verification) -> dict[str, Any]:
    """Put what was found into numbers for a manifest, by form and runtime."""
    forms: dict[str, dict[str, Any]] = {}
    for one in found.kept:
        forms.setdefault(one.form, {})[one.runtime] = {
            "accuracy": round(one.accuracy, 4),
            "balanced_accuracy": round(one.balanced_accuracy, 4),
            "labels_changed": int(one.changed.sum()),
            "largest_difference": round(one.largest, 4),
            "mean_difference": round(one.mean, 5),
            "milliseconds": {str(key): round(ms, 3) for key, ms in one.milliseconds.items()},
        }
    says = found.shown.expected >= found.shown.threshold
    accuracy, balanced = accuracies(says, found.shown.masked)
    return {
        "views": len(found.shown.masked),
        "reference": {
            "name": found.shown.reference,
            "accuracy": round(accuracy, 4),
            "balanced_accuracy": round(balanced, 4),
        },
        "forms": forms,
        "gpu": gpu_summary(found.gpu),
    }
