"""The exam of a new bundle: known faces, in a process of its own, beside the bundle that runs."""

import json
import logging
import tempfile
from pathlib import Path

from edge.config import Settings
from edge.errors import MaskGateError
from edge.runtime.apart import run_apart, said_last
from edge.updates.known_faces import KnownFace, empty_picture, known_faces
from edge.vision.classifier import Classifier
from edge.vision.regions import Detector

ORDER, RESULT = "order.json", "result.json"
LIMIT = 120.0
"""Seconds that a bundle may take, start of the process included; the shipped ones take one or two
on a server, and a Raspberry Pi is some ten times slower."""
AGREEMENT = 0.9
"""Share of what the running bundle gets right that the new one must get right as well. The faces
are easy ones, and the shipped bundles get all of them right."""
SAME_PLACE = 0.4
"""Overlap with the true box from which a face counts as found; two good detectors agree by 0.7."""
log = logging.getLogger(__name__)


def require_agreement(new: Path, running: Path | None, settings: Settings) -> int:
    """Try a new bundle, and the running one beside it.

    Args:
        new: the bundle, which is trusted.
        running: what runs now; None where nothing can: then all the faces count.
        settings: how nets look at a frame.

    Returns:
        How many pictures the new one gets right.

    Raises:
        MaskGateError: the new one crashes, hangs, cannot be opened, or is wrong where the running
            one is right.
    """
    found = examine(new, settings)
    expected = [True] * len(found)
    if running is not None:
        try:
            expected = examine(running, settings)
        except MaskGateError as error:
            log.warning("the bundle that runs cannot be tried (%s); all known faces count", error)
    asked = [right for right, counts in zip(found, expected, strict=True) if counts]
    if sum(asked) < AGREEMENT * len(asked):
        beside = f" which {running} gets right" if running else ""
        raise MaskGateError(
            f"bundle {new}: it is right for {sum(asked)} of {len(asked)} known pictures{beside}, "
            f"expected at least {AGREEMENT:.0%}; it is not put in place, train it further or "
            "convert it again"
        )
    return sum(found)


def require_still(classifier: Classifier, right: int) -> None:
    """Check a classifier that is open, on whatever it runs, on the known faces.

    Args:
        classifier: of the bundle.
        right: how many it got right in its exam.

    Raises:
        MaskGateError: it gets clearly fewer right.
    """
    now = sum(labels_right(classifier))
    if now < AGREEMENT * right:
        raise MaskGateError(f"it is right for {now} known faces, expected {right} as in its exam")


def faces_found(detector: Detector) -> list[bool]:
    """Whether it finds the face of each known picture, and none where there is none."""

    def finds(face: KnownFace) -> bool:
        found = detector.detect(face.pixels)
        return any(one.box.overlap(face.box) >= SAME_PLACE for one in found)

    return [*map(finds, known_faces()), not detector.detect(empty_picture())]


def labels_right(classifier: Classifier) -> list[bool]:
    """Whether it is sure of the right label of each known face."""

    def is_right(face: KnownFace) -> bool:
        vote = classifier.vote(classifier.classify(face.pixels, face.box))
        return vote is not None and vote[0] == face.label

    return list(map(is_right, known_faces()))


def examine(bundle: Path, settings: Settings) -> list[bool]:
    """Show a bundle the known faces, on one CPU thread or as many as the settings say.

    Returns:
        For each picture whether what it says is right: the label of the face, or where it is.

    Raises:
        MaskGateError: it crashes, hangs, or cannot be opened.
    """
    order = {
        "bundle": str(bundle.absolute()),
        "detector": settings.detector.model_dump(mode="json", exclude_unset=True),
        "classifier": settings.classifier.model_dump(mode="json", exclude_unset=True),
    }
    try:
        with tempfile.TemporaryDirectory(prefix="maskgate-exam-") as name:
            folder = Path(name)
            (folder / ORDER).write_text(json.dumps(order), encoding="utf-8")
            said = run_apart("edge.updates.exam_process", folder, LIMIT)
            return _read_result(folder, said)
    except MaskGateError as error:
        raise MaskGateError(
            f"bundle {bundle}: it fails on known faces ({error}); make it anew, or use another"
        ) from error
    except OSError as error:
        raise MaskGateError(
            f"bundle {bundle}: it cannot be tried ({error.filename or tempfile.gettempdir()}: "
            f"{error.strerror or error}); free some space"
        ) from error


def _read_result(folder: Path, said: str) -> list[bool]:
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MaskGateError(f"it ended without a result: {said_last(said)}") from error
    if "refused" in result:
        raise MaskGateError(result["refused"])
    right: list[bool] = result["right"]
    return right
