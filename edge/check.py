"""Checks that what the settings name is there and fit for use, without starting anything."""

from collections.abc import Callable

from edge.broker_url import parse_broker_url, read_password
from edge.bundle import load_bundle
from edge.cascade import Cascade
from edge.classifier import Classifier
from edge.config import Broker, Camera, Settings
from edge.errors import MaskGateError
from edge.sources.opening import open_source
from edge.sources.source import SourceAway


def check_files(settings: Settings) -> None:
    """Check the bundles, the broker's files and the source.

    Raises:
        MaskGateError: names every fault, one a line.
    """
    checks: list[Callable[[], object]] = [
        lambda: Cascade(load_bundle(settings.detector.bundle), settings.detector),
        lambda: Classifier(load_bundle(settings.classifier.bundle), settings.classifier),
        lambda: _read_password(settings.broker),
        lambda: _check_source(settings.camera),
    ]
    faults = []
    for check in checks:
        try:
            check()
        except MaskGateError as error:
            faults.append(str(error))
    if faults:
        raise MaskGateError("\n".join(faults))


def _read_password(broker: Broker) -> None:
    if broker.url is not None:
        read_password(parse_broker_url(broker.url).user, broker.password_file)


def _check_source(camera: Camera) -> None:
    try:
        open_source(camera).close()
    except SourceAway as error:
        raise MaskGateError(f"camera.source: {error}") from error
