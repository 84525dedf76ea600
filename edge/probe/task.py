"""What is measured: the detector's or the classifier's work, and the ways that it may be done."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.bundle import Bundle, Form
from edge.config import Settings
from edge.probe.hardware import cores, describe_hardware, find_delegates
from edge.probe.measure import (
    CLASSIFIER_TOLERANCE,
    DETECTOR_TOLERANCE,
    REPEATS,
    Measured,
    Measuring,
    Tolerance,
    holds,
    pick,
)
from edge.probe.workload import Piece, cascade_work, classifier_work, single_shot_work
from edge.runtime.accelerator import CPU, MOST_THREADS, Accelerator, parse_accelerator
from edge.runtime.interpreter import runtime_name
from edge.runtime.processor import Way
from edge.vision.classifier import require_classifier
from edge.vision.detectors import is_single_shot, require_detector


@dataclass(frozen=True, slots=True)
class Task:
    """The detector's or the classifier's work on this device."""

    name: str
    """The section of the settings: "detector" or "classifier"."""
    bundle: Bundle
    form: Form
    """What is used where an accelerator does not ask for another."""
    only_form: bool
    """Whether the settings ask for that form, so that no accelerator may use another."""
    accelerator: str
    """As the settings have it."""
    threads: int | None
    """CPU threads that a net may use; see the settings."""
    load: dict[str, float]
    """What the work depends on apart from the bundle; remembered with the measurement."""
    tolerance: Tolerance
    work: Callable[[], Sequence[Piece]]

    def wanted(self) -> Accelerator | None:
        """What the settings ask for; None: whatever is fastest."""
        return parse_accelerator(self.accelerator, self.threads)

    def ways(self, *, every: bool = False) -> list[Way]:
        """The ways to try; the first is one CPU thread, which the others are compared to.

        Args:
            every: all that the device has, also where the settings ask for one.
        """
        wanted = self.wanted()
        found = [Way(CPU, self.form)]
        if wanted is None or every:
            most = self.threads or min(cores(), MOST_THREADS)
            found += [Way(Accelerator("cpu", count), self.form) for count in range(2, most + 1)]
            found += self._ways_on(Accelerator("gpu"))
            for library in find_delegates():
                found += self._ways_on(Accelerator("delegate", library=str(library)))
        if wanted is not None:
            found += [way for way in self._ways_on(wanted) if way not in found]
        return found

    def choose(self, measured: Sequence[Measured]) -> Measured:
        """Pick one of what was measured, as the settings ask."""
        wanted = self.wanted()
        if wanted is not None:
            measured = [one for one in measured if one.way.accelerator in (CPU, wanted)]
        chosen = pick(measured, clearly=wanted is None)
        return chosen or Measured(Way(CPU, self.form))

    def measuring(self, *, timed: bool = True) -> Measuring:
        """Make ready to measure; without times, only to see whether the nets run and agree."""
        return Measuring(
            self.bundle,
            self.work(),
            self.tolerance,
            self.form,
            repeats=REPEATS if timed else 1,
        )

    def key(self) -> dict[str, Any]:
        """All that a measurement depends on; as JSON has it."""
        libraries = {way.accelerator.library for way in self.ways()} - {""}
        key = {
            "task": self.name,
            "models": sorted(file.sha256 for file in self.bundle.manifest.files),
            "load": self.load,
            "ways": [f"{way.accelerator}, {way.form}" for way in self.ways()],
            "runtime": runtime_name(),
            "hardware": describe_hardware(map(Path, sorted(libraries))),
        }
        found: dict[str, Any] = json.loads(json.dumps(key))
        return found

    def _ways_on(self, accelerator: Accelerator) -> list[Way]:
        """The forms that make sense on an accelerator."""
        if accelerator.kind == "cpu":
            return [Way(accelerator, self.form)]
        forms = [self.form] if accelerator.kind == "delegate" or self.form in FLOAT_FORMS else []
        if not self.only_form:
            forms += [form for form in FLOAT_FORMS if holds(self.bundle, form)][:1]
        if accelerator.kind == "gpu":
            # One way, also where there is no form for it: the table then says so.
            forms = (forms or [FLOAT_FORMS[0]])[-1:]
        return [Way(accelerator, form) for form in dict.fromkeys(forms)]


FLOAT_FORMS: tuple[Form, ...] = ("float16", "float32")
"""What GPUs compute with; float16 first, for it is half the size and no worse there."""


def detector_task(bundle: Bundle, settings: Settings) -> Task:
    """The detector's work with frames of the camera, the one with the largest if there are more.

    Raises:
        MaskGateError: the bundle is no detector's.
    """
    require_detector(bundle)
    detector = settings.detector
    camera = max(settings.cameras.values(), key=lambda one: one.width * one.height)
    frame = (camera.width, camera.height)
    return Task(
        name="detector",
        bundle=bundle,
        form=detector.form or bundle.manifest.default_form,
        only_form=detector.form is not None,
        accelerator=detector.accelerator,
        threads=detector.threads,
        load={
            "width": camera.width,
            "height": camera.height,
            "min_face": detector.min_face,
            "factor": detector.factor or bundle.manifest.factor,
        },
        tolerance=DETECTOR_TOLERANCE,
        work=lambda: (
            single_shot_work(bundle, detector, frame)
            if is_single_shot(bundle)
            else cascade_work(bundle, detector, frame)
        ),
    )


def classifier_task(bundle: Bundle, settings: Settings) -> Task:
    """The classifier's work with a face.

    Raises:
        MaskGateError: the bundle is no classifier's.
    """
    require_classifier(bundle)
    return Task(
        name="classifier",
        bundle=bundle,
        form=bundle.manifest.default_form,
        only_form=False,
        accelerator=settings.classifier.accelerator,
        threads=settings.classifier.threads,
        load={},
        tolerance=CLASSIFIER_TOLERANCE,
        work=lambda: classifier_work(bundle),
    )
