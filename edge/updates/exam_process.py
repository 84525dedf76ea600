"""The process of an exam: opens a bundle's nets as the device does, and shows them known faces."""

import json
import os
from pathlib import Path
from typing import Any

from edge.bundle import load_bundle
from edge.config import Classifier as ClassifierSettings
from edge.config import Detector as DetectorSettings
from edge.errors import MaskGateError
from edge.finder import detector_in
from edge.updates.exam import ORDER, RESULT, faces_found, labels_right
from edge.vision.classifier import Classifier

SMALLEST = 40.0
"""Pixels from which faces are looked for, whatever the settings say: the known ones have 100."""
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
        detector = DetectorSettings.model_validate(order["detector"])
        return faces_found(detector_in(bundle, detector.model_copy(update={"min_face": SMALLEST})))
    return labels_right(Classifier(bundle, ClassifierSettings.model_validate(order["classifier"])))
