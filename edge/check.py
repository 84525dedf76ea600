"""Checks that what the settings name is there and fit for use, without starting anything."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from edge.bundle import Bundle
from edge.chain import require_some_label
from edge.config import Broker, Settings
from edge.errors import MaskGateError
from edge.mqtt.connection import Connection
from edge.probe.choose import require_accelerator
from edge.probe.task import classifier_task, detector_task
from edge.sources.opening import open_source
from edge.trust.gate import load_trusted
from edge.vision.cascade import Cascade
from edge.vision.classifier import Classifier


def check_files(settings: Settings) -> None:
    """Check the bundles, the broker's files and the source.

    Raises:
        MaskGateError: names every fault, one a line.
    """

    @cache
    def load(bundle: Path) -> Bundle:
        return load_trusted(bundle, settings)

    detector, classifier = settings.detector, settings.classifier
    checks: list[Callable[[], object]] = [
        lambda: Cascade(load(detector.bundle), detector),
        lambda: Classifier(load(classifier.bundle), classifier),
        lambda: require_some_label(settings.decision, load(classifier.bundle)),
        lambda: require_accelerator(detector_task(load(detector.bundle), settings)),
        lambda: require_accelerator(classifier_task(load(classifier.bundle), settings)),
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


def _check_files_of(broker: Broker) -> None:
    if broker.url is not None:
        Connection(broker, "check")
