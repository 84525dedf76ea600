"""Checks that what the settings name is there and fit for use, without starting anything."""

import threading
from collections.abc import Callable
from functools import cache, partial

from edge.bundle import Bundle
from edge.config import Broker, Camera, Settings
from edge.errors import MaskGateError
from edge.finder import detector_bundle, detector_in
from edge.mqtt.connection import Connection
from edge.nets import require_some_label
from edge.probe.choose import require_accelerator
from edge.probe.task import classifier_task, detector_task
from edge.sources.opening import open_watched
from edge.trust.gate import load_trusted
from edge.vision.classifier import Classifier
from edge.vision.yunet import YuNet


def check_files(settings: Settings) -> None:
    """Check the bundles, the broker's files and the sources.

    Raises:
        MaskGateError: names every fault, one a line.
    """
    looking = cache(lambda: detector_bundle(settings))
    judging = cache(lambda: load_trusted(settings.classifier.bundle, settings))
    checks: list[Callable[[], object]] = [
        lambda: _check_detector(looking(), settings),
        lambda: _check_accelerator(looking(), settings),
        lambda: Classifier(judging(), settings.classifier),
        lambda: require_some_label(settings.decision, judging()),
        lambda: require_accelerator(classifier_task(judging(), settings)),
        lambda: _check_files_of(settings.broker),
        *(partial(_check_source, name, camera) for name, camera in settings.cameras.items()),
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


def _check_detector(bundle: Bundle | None, settings: Settings) -> None:
    if bundle is None:
        YuNet(settings.detector)
    else:
        detector_in(bundle, settings.detector)


def _check_accelerator(bundle: Bundle | None, settings: Settings) -> None:
    if bundle is not None:
        require_accelerator(detector_task(bundle, settings))


def _check_files_of(broker: Broker) -> None:
    if broker.url is not None:
        Connection(broker, "check")


def _check_source(name: str, camera: Camera) -> None:
    open_watched(name, camera, threading.Event()).close()
