"""Checks that what the settings name is there and fit for use, without starting anything."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from edge.bundle import Bundle
from edge.config import Broker, Camera, Settings
from edge.errors import MaskGateError
from edge.faults import Keys
from edge.finder import detector_bundle, detector_in
from edge.loading import Found, read_settings
from edge.mqtt.connection import Connection
from edge.named_files import look_at, named_files
from edge.nets import require_some_label
from edge.probe.choose import require_accelerator
from edge.probe.task import classifier_task, detector_task
from edge.sources.opening import open_watched
from edge.sources.source import SourceAway
from edge.trust.gate import load_trusted
from edge.updates.current import with_updates
from edge.view.secrets import check_certificate, read_password
from edge.vision.classifier import Classifier
from edge.vision.yunet import YuNet

Check = Callable[[], object]
"""Raises MaskGateError for a fault, and gives a warning or None."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, each a line with file and key."""

    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """What may be right later, or go wrong soon."""


def check(file: Path | None) -> Report:
    """Check the settings and all that they name: bundles, certificates, secrets, cameras.

    What is wrong in one place keeps nothing else from being looked at.

    Args:
        file: TOML; the defaults alone when None.

    Raises:
        MaskGateError: the file cannot be read, or is no TOML.
    """
    found = read_settings(file)
    report = Report(faults=list(found.faults))
    told: set[str] = set()
    for keys, look in _checks(with_updates(found.settings)):
        try:
            warning = look()
            lines, where = ([str(warning)] if isinstance(warning, str) else []), report.warnings
        except MaskGateError as error:
            lines, where = str(error).splitlines(), report.faults
        # One file that is damaged is in the way of several checks.
        name = ".".join(keys)
        if not any(one.startswith(f"{name} ") for one in told):
            where += [_line(found, keys, line) for line in lines if line not in told]
        told.update(lines)
    return report


def _line(found: Found, keys: Keys, line: str) -> str:
    name = ".".join(keys)
    at = found.place(keys)
    return f"{at}: {line}" if line.startswith(name) else f"{at}: {name}: {line}"


def _checks(settings: Settings) -> Iterator[tuple[Keys, Check]]:
    """Everything there is to look at, and the key that names it."""
    looking = cache(lambda: detector_bundle(settings))
    judging = cache(lambda: load_trusted(settings.classifier.bundle, settings))
    detector = "file" if settings.detector.kind == "yunet" else "bundle"
    yield ("detector", detector), lambda: _check_detector(looking(), settings)
    yield ("detector", "accelerator"), lambda: _check_accelerator(looking(), settings)
    yield ("classifier", "bundle"), lambda: _check_classifier(judging(), settings)
    yield ("decision", "violations"), lambda: require_some_label(settings.decision, judging())
    yield (
        ("classifier", "accelerator"),
        lambda: require_accelerator(classifier_task(judging(), settings)),
    )
    yield ("broker", "url"), lambda: _check_files_of(settings.broker)
    yield ("view", "password_file"), lambda: read_password(settings.view)
    yield ("view", "cert_file"), lambda: check_certificate(settings.view)
    for keys, path in named_files(settings):
        yield keys, partial(look_at, keys, path)
    for name, camera in settings.cameras.items():
        yield ("cameras", name, "source"), partial(_check_source, name, camera)


def _check_detector(bundle: Bundle | None, settings: Settings) -> None:
    if bundle is None:
        YuNet(settings.detector)
    else:
        detector_in(bundle, settings.detector)


def _check_classifier(bundle: Bundle, settings: Settings) -> None:
    Classifier(bundle, settings.classifier)


def _check_accelerator(bundle: Bundle | None, settings: Settings) -> None:
    if bundle is not None:
        require_accelerator(detector_task(bundle, settings))


def _check_files_of(broker: Broker) -> None:
    if broker.url is not None:
        Connection(broker, "check")


def _check_source(name: str, camera: Camera) -> str | None:
    try:
        open_watched(name, camera, threading.Event()).close()
    except SourceAway as away:
        # A network camera may be off just now, and a device that is there may be in use, by the
        # very maskgate that these settings are for.
        if "://" in camera.source or _is_there(camera.source):
            return f"{away}; it may be there later"
        raise
    return None


def _is_there(source: str) -> bool:
    return Path(f"/dev/video{source}" if source.isdecimal() else source).exists()
