"""Tries ways to run the nets, each in a process of its own, and picks one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle, Form
from edge.probe.workload import Piece
from edge.runtime.accelerator import CPU
from edge.runtime.processor import Way
from edge.runtime.trial import Job, Trial, TrialError, try_models

MARGIN = 0.8
"""A way must take less than this share of the time of a way with fewer threads: what a fifth does
not outweigh is better left to the rest of the machine, and to the noise of measuring."""
LEAST_GAIN = 0.001
"""Seconds that it must save, too: of a frame's 66 milliseconds, less is nothing."""
REPEATS, BUDGET = 20, 0.6
"""Timed rounds of a way, and seconds after which no more of them are begun."""
CPU_LIMIT, ACCELERATOR_LIMIT = 60.0, 15.0
"""Seconds that a way may take, start of the process included. An accelerator that needs longer for
half a dozen frames is of no use."""
NO_FLOAT_FORM = "no float form: the bundle holds neither float16 nor float32, which a GPU needs"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """By how much outputs may differ."""

    same_form: float
    """From one CPU thread with the same form."""
    default_form: float | None = None
    """From one CPU thread with the default form; None: as it comes."""


DETECTOR_TOLERANCE = Tolerance(same_form=0.1)
"""Of logits and shares of a window: a face's probability at most 0.025 off, a corner 1.2 pixels in
12. Half precision, in which GPUs compute, is off by some 0.01; the quantised form, which is good
enough for the device's default, by up to 0.3 (its bundle's manifest)."""
CLASSIFIER_TOLERANCE = Tolerance(same_form=0.02, default_form=0.1)
"""Of probabilities: half precision is off by less than 0.005; quantisation, of the shipped network
and these pictures, by 0.006; a device's byte has steps of 0.004. What is broken is off by far more.
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """How a way did."""

    way: Way
    seconds: float | None = None
    """For the whole work; None where it failed."""
    difference: float | None = None
    """The largest, from one CPU thread with the same form."""
    fault: str | None = None
    """Why it must not be used: in a few words, a colon, and more of it."""


class Measuring:
    """Tries ways, and keeps what they are compared to."""

    def __init__(
        self,
        bundle: Bundle,
        work: Sequence[Piece],
        tolerance: Tolerance,
        form: Form,
        *,
        repeats: int = REPEATS,
    ) -> None:
        """Remember what to do; nothing is tried yet.

        Args:
            bundle: whose nets.
            work: what they are given to do.
            tolerance: by how much a way may differ.
            form: the form that is used where an accelerator does not ask for another.
            repeats: timed rounds of the work.
        """
        self._bundle, self._work, self._tolerance, self._form = bundle, work, tolerance, form
        self._repeats = repeats
        self._tried: dict[Way, list[Trial]] = {}

    def measure(self, way: Way) -> Measured:
        """Try one way, and judge it."""
        if way.accelerator.kind == "gpu" and not holds(self._bundle, way.form):
            return Measured(way, fault=NO_FLOAT_FORM)
        allowed = self._tolerance
        try:
            found = self._try(way)
            difference = self._difference(found, way.form)
            fault = _too_much(difference, allowed.same_form, f"one CPU thread ({way.form})")
            if fault is None and allowed.default_form is not None:
                from_default = self._difference(found, self._form)
                fault = _too_much(from_default, allowed.default_form, f"the form {self._form}")
        except TrialError as error:
            reason = str(error).removeprefix(f"on {way.accelerator}: ")
            return Measured(way, fault=f"fails: {reason}")
        return Measured(way, float(np.median(rounds(self._work, found))), difference, fault)

    def _difference(self, found: list[Trial], form: Form) -> float:
        """The largest difference from one CPU thread; infinite where it is not a number."""
        expected = self._try(Way(CPU, form))
        with np.errstate(invalid="ignore"):
            # Not Python's max, which passes over a NaN that does not come first.
            largest = np.max(
                [
                    np.abs(ours.outputs - theirs.outputs).max()
                    for ours, theirs in zip(found, expected, strict=True)
                ]
            )
        return float(largest) if np.isfinite(largest) else float("inf")

    def _try(self, way: Way) -> list[Trial]:
        if way not in self._tried:
            self._tried[way] = try_models(
                jobs(self._bundle, self._work, way.form),
                way.accelerator,
                repeats=self._repeats,
                limit=CPU_LIMIT if way.accelerator.kind == "cpu" else ACCELERATOR_LIMIT,
                budget=BUDGET,
            )
        return self._tried[way]


def jobs(bundle: Bundle, work: Sequence[Piece], form: Form) -> list[Job]:
    """What a trial is to run."""
    return [Job(bundle.model(piece.net, form), piece.inputs, piece.net) for piece in work]


def rounds(work: Sequence[Piece], trials: Sequence[Trial]) -> NDArray[np.float64]:
    """Seconds that the whole work took in each timed round."""
    runs = np.array([piece.runs for piece in work])
    return np.asarray(runs @ np.array([trial.seconds for trial in trials]), np.float64)


def pick(measured: Sequence[Measured], *, clearly: bool = True) -> Measured | None:
    """Pick the fastest way that works, one on the CPU only if it is clearly faster than with less.

    Args:
        measured: the CPU with fewer threads before the CPU with more.
        clearly: whether an accelerator must be clearly faster than the CPU, too.

    Returns:
        None if nothing works.
    """
    working = [one for one in measured if one.fault is None and one.seconds is not None]
    on_cpu = [one for one in working if one.way.accelerator.kind == "cpu"]
    others = sorted((one for one in working if one not in on_cpu), key=_seconds)
    if others and not clearly:
        return others[0]
    best: Measured | None = None
    for one in on_cpu + others:
        if best is None or _seconds(one) < min(
            MARGIN * _seconds(best), _seconds(best) - LEAST_GAIN
        ):
            best = one
    return best


def verdict(one: Measured, chosen: Measured) -> str:
    """Say in a few words what became of a way."""
    if one == chosen:
        return "chosen"
    if one.fault is not None:
        return one.fault.partition(":")[0]
    return "slower" if _seconds(one) >= _seconds(chosen) else "not clearly faster"


def holds(bundle: Bundle, form: Form) -> bool:
    """Tell whether a bundle holds all of its nets in a form."""
    files = bundle.manifest.files
    return {file.net for file in files} == {file.net for file in files if file.form == form}


def _seconds(one: Measured) -> float:
    return float("inf") if one.seconds is None else one.seconds


def _too_much(difference: float, allowed: float, other: str) -> str | None:
    if difference <= allowed:
        return None
    return f"disagrees by {difference:.2g}: from {other}, at most {allowed:g} is right"
