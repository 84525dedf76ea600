"""Tasks that are measured, and what a measurement may say."""

from pathlib import Path

from edge.bundle import MODELS, load_bundle
from edge.config import Camera, Classifier, Detector, Settings
from edge.probe.measure import Measured
from edge.probe.task import Task, classifier_task, detector_task
from edge.runtime.accelerator import Accelerator
from edge.runtime.processor import Processor, Way
from tests.accelerators import built_delegate

SMALL = Camera(width=96, height=72)
"""Few levels: quick to measure."""


def cpu(threads: int, milliseconds: float, fault: str | None = None) -> Measured:
    way = Way(Accelerator("cpu", threads), "dynamic")
    return Measured(way, milliseconds / 1000, 0.0, fault)


def gpu(milliseconds: float | None, fault: str | None = None) -> Measured:
    seconds = None if milliseconds is None else milliseconds / 1000
    return Measured(Way(Accelerator("gpu"), "float16"), seconds, 0.01, fault)


def classifier(settings: Settings, accelerator: str = "auto") -> Task:
    asked = settings.model_copy(update={"classifier": Classifier(accelerator=accelerator)})
    return classifier_task(load_bundle(MODELS / "compact"), asked)


def detector(settings: Settings, **fields: object) -> Task:
    asked = settings.model_copy(update={"detector": Detector.model_validate(fields)})
    return detector_task(load_bundle(MODELS / "mtcnn"), asked)


def way(processor: Processor) -> Way:
    return processor._way


def delegated(folder: Path) -> str:
    return f"delegate:{built_delegate(folder)}"
