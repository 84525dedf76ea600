"""The process of an exam: opens a bundle's nets as the device does, and shows them known faces."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.bundle import Bundle, load_bundle
from edge.config import Classifier as ClassifierSettings
from edge.config import Detector as DetectorSettings
from edge.errors import MaskGateError
from edge.updates.exam import ORDER, RESULT
from edge.updates.known_faces import KnownFace, empty_picture, known_faces
from edge.vision.cascade import Cascade
from edge.vision.classifier import Classifier

SMALLEST = 40.0
"""Pixels from which faces are looked for, whatever the settings say: the known ones have 100."""
SAME_PLACE = 0.4
"""Overlap with the true box from which a face counts as found; two good detectors agree by 0.7."""
_FIRST_TO_GO = "1000"
"""Of /proc/…/oom_score_adj: where memory runs out, this process goes, and not the one that watches
the entrance."""


def main(folder: Path) -> None:
    """Do what a folder orders."""
    Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    os.nice(10)
    order = json.loads((folder / ORDER).read_text(encoding="utf-8"))
    try:
        result: dict[str, Any] = {"right": _examined(order)}
    except (MaskGateError, RuntimeError, ValueError) as error:
        result = {"refused": " ".join(str(error).split())}
    (folder / RESULT).write_text(json.dumps(result), encoding="utf-8")


def _examined(order: dict[str, Any]) -> list[bool]:
    bundle = load_bundle(Path(order["bundle"]))
    if bundle.manifest.task == "face-detection":
        return _faces_found(bundle, DetectorSettings.model_validate(order["detector"]))
    return _labels_right(bundle, ClassifierSettings.model_validate(order["classifier"]))


def _faces_found(bundle: Bundle, settings: DetectorSettings) -> list[bool]:
    cascade = Cascade(bundle, settings.model_copy(update={"min_face": SMALLEST}))

    def finds(face: KnownFace) -> bool:
        found = cascade.detect(face.pixels)
        return any(one.box.overlap(face.box) >= SAME_PLACE for one in found)

    return [*_each(finds), not cascade.detect(empty_picture())]


def _labels_right(bundle: Bundle, settings: ClassifierSettings) -> list[bool]:
    classifier = Classifier(bundle, settings)

    def is_right(face: KnownFace) -> bool:
        vote = classifier.vote(classifier.classify(face.pixels, face.box))
        return vote is not None and vote[0] == face.label

    return _each(is_right)


def _each(is_right: Callable[[KnownFace], bool]) -> list[bool]:
    return [is_right(face) for face in known_faces()]
