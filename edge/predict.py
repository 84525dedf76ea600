"""The offline job: find the faces in photos, classify each, write a CSV."""

import csv
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from edge.config import Settings
from edge.errors import MaskGateError
from edge.finder import detector_bundle, open_detector
from edge.paths import check_not_same, check_place, reason
from edge.probe.choose import choose
from edge.probe.task import classifier_task
from edge.sources.pictures import pictures_in, read_picture
from edge.trust.gate import load_trusted
from edge.values import Box, Pixels
from edge.vision.classifier import Classifier
from edge.vision.cut import whole_picture
from edge.vision.regions import Detector

PHOTO_COLUMNS = ("name", "x1", "x2", "y1", "y2", "classname", "score")
"""The dataset's columns: x1, x2, y1, y2 hold left, top, right, bottom, in this order."""
PHOTO_DETECTOR = {"min_face": 20.0}
"""Settings of the detector, unless the user has others: a photo has time enough to look for small
faces."""
CROP_COLUMNS = ("file", "classname", "score")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Predicted:
    """What came of the pictures."""

    pictures: int
    faces: int
    unreadable: int


def predict(paths: Sequence[Path], out: Path, settings: Settings, *, crops: bool) -> Predicted:
    """Classify the faces in pictures and write a CSV with a row for each.

    Args:
        paths: pictures, and folders of pictures.
        out: the CSV; replaced only when all is done.
        settings: which bundles, and the smallest face.
        crops: each picture is one face already.

    Returns:
        How many pictures and faces there were; an unreadable picture is warned of and left out.

    Raises:
        MaskGateError: a path that is not there, no picture at all, or a CSV that cannot be written
            or would replace something else than a CSV.
    """
    pictures = list(_pictures(paths))
    check_place(out, "predictions")
    for _, path in pictures:
        check_not_same(out, path, "predictions")
    # Behind a link lies the file to replace, not the link.
    out = out.resolve()
    of_detector = detector_bundle(settings)
    of_classifier = load_trusted(settings.classifier.bundle, settings)
    judging = classifier_task(of_classifier, settings)
    # Photos come in all sizes: what is fastest for a camera's frames need not be for them, and
    # measuring takes longer than most jobs.
    detector = open_detector(of_detector, settings, gated=False, patient=False)
    processor = choose(judging, settings, patient=False)
    classifier = Classifier(of_classifier, settings.classifier, processor)
    # In the same folder, for a rename is atomic only there.
    part = out.with_name(f".{out.name}.part")
    faces = unreadable = 0
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(CROP_COLUMNS if crops else PHOTO_COLUMNS)
            with click.progressbar(pictures, label="pictures", file=sys.stderr) as progress:
                for name, path in progress:
                    try:
                        pixels = read_picture(path)
                    except MaskGateError as error:
                        unreadable += 1
                        log.warning("%s; left out", error)
                        continue
                    boxes = _boxes(pixels, None if crops else detector)
                    for box in boxes:
                        label, score = classifier.label(classifier.classify(pixels, box))
                        place = () if crops else _rounded(box)
                        table.writerow((name, *place, label, f"{score:.4f}"))
                    faces += len(boxes)
        part.replace(out)
    except OSError as error:
        raise MaskGateError(f"predictions {out}: cannot be written ({error.strerror})") from error
    finally:
        part.unlink(missing_ok=True)
    return Predicted(len(pictures), faces, unreadable)


def _pictures(paths: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """All pictures, each with the name that goes into the CSV."""
    for path in paths:
        try:
            folder = path.is_dir()
            there = path.exists()
        except OSError as error:
            raise MaskGateError(f"picture {path}: {reason(error)}") from error
        if folder:
            yield from ((found.name, found) for found in pictures_in(path))
        elif there:
            yield path.name, path
        else:
            raise MaskGateError(f"picture {path}: no such file or folder")


def _boxes(pixels: Pixels, detector: Detector | None) -> list[Box]:
    if detector is None:
        return [whole_picture(pixels)]
    return [face.box for face in detector.detect(pixels)]


def _rounded(box: Box) -> tuple[int, int, int, int]:
    return round(box.left), round(box.top), round(box.right), round(box.bottom)
