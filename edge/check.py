"""Checks that what the settings name is there and fit for use, without starting anything."""

from collections.abc import Callable
from pathlib import Path

from edge.bundle import Bundle, load_bundle
from edge.chain import require_some_label
from edge.config import Broker, Settings
from edge.errors import MaskGateError
from edge.mqtt.connection import Connection
from edge.probe.choose import require_accelerator
from edge.probe.task import Task, classifier_task, detector_task
from edge.sources.opening import open_source
from edge.trust.gate import load_trusted
from edge.vision.cascade import Cascade
from edge.vision.classifier import Classifier


def check_files(settings: Settings) -> None:
    """Check the bundles, the broker's files and the source.

    Raises:
        MaskGateError: names every fault, one a line.
    """
    checks: list[Callable[[], object]] = [
        lambda: Cascade(load_trusted(settings.detector.bundle, settings), settings.detector),
        lambda: Classifier(load_trusted(settings.classifier.bundle, settings), settings.classifier),
        lambda: require_some_label(settings.decision, load_bundle(settings.classifier.bundle)),
        lambda: require_accelerator(_task(detector_task, settings.detector.bundle, settings)),
        lambda: require_accelerator(_task(classifier_task, settings.classifier.bundle, settings)),
        lambda: _check_files_of(settings.broker),
        lambda: open_source(settings.camera).close(),
    ]
    faults = []
    for check in checks:
        try:
            check()
        except MaskGateError as error:
            if str(error) not in faults:
                faults.append(str(error))
    if faults:
        raise MaskGateError("\n".join(faults))


def _task(make: Callable[[Bundle, Settings], Task], bundle: Path, settings: Settings) -> Task:
    return make(load_bundle(bundle), settings)


def _check_files_of(broker: Broker) -> None:
    if broker.url is not None:
        Connection(broker, "check")
