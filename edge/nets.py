"""The nets of a device: opened once, shared by all its cameras."""

import cv2

from edge.bundle import Bundle, Manifest
from edge.config import Decision, Settings
from edge.errors import MaskGateError
from edge.finder import detector_bundle, open_detector
from edge.probe.choose import choose
from edge.probe.task import classifier_task
from edge.trust.gate import load_trusted, remember_running
from edge.vision.classifier import Classifier, require_classifier
from edge.vision.regions import Detector


class OpenNets:
    """The detector and the classifier, ready to run; by one thread at a time."""

    def __init__(self, settings: Settings) -> None:
        """Load the bundles, and open their nets on what they run fastest on.

        The first time, that is measured, which takes some seconds.

        Raises:
            MaskGateError: a bundle is missing, damaged, not trusted or made for another task.
        """
        # OpenCV would take every core for pictures so small that handing out costs more.
        cv2.setNumThreads(settings.detector.threads or 1)
        nets = detector_bundle(settings)
        bundle = load_trusted(settings.classifier.bundle, settings)
        require_some_label(settings.decision, bundle)
        # All of this before anything is measured, for that takes its time.
        judging = classifier_task(bundle, settings)
        self.detector: Detector = open_detector(nets, settings, gated=settings.detector.gate)
        self.classifier = Classifier(bundle, settings.classifier, choose(judging, settings))
        self.judging = bundle
        """The classifier's bundle."""
        self.versions = {
            "detector": _version(nets.manifest) if nets else settings.detector.kind,
            "classifier": _version(bundle.manifest),
        }
        """Name and version of what is in use, by what it is for."""
        remember_running([nets, bundle] if nets else [bundle], settings)

    @property
    def invoke_seconds(self) -> float:
        """Time spent inside the interpreters so far, in seconds."""
        return self.detector.invoke_seconds + self.classifier.invoke_seconds


def _version(manifest: Manifest) -> str:
    return f"{manifest.name} {manifest.version}"


def require_some_label(settings: Decision, bundle: Bundle) -> None:
    """Check that the classifier can find a violation at all.

    Raises:
        MaskGateError: the bundle is no classifier's, or none of the labels that count as a
            violation is one of its labels.
    """
    require_classifier(bundle)
    if not set(settings.violations) & set(bundle.manifest.labels):
        raise MaskGateError(
            f"decision.violations: expected one of {list(bundle.manifest.labels)}, the labels of "
            f"the bundle {bundle.path}; found {list(settings.violations)}, so there would never "
            "be an alert"
        )
