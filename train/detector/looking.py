"""Lets detectors look at photos, down to what they are hardly sure of."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import keras

from edge.bundle import load_bundle
from edge.config import Detector as Settings
from edge.finder import detector_in
from edge.vision.regions import Detector
from train.detector.matching import Found, found_in
from train.detector.nets import PASSING, detector_of, stock_cascade
from train.detector.photos import Photo
from train.detector.worse import CONDITIONS, Change, unchanged

SMALLEST = 16.0
"""Pixels of the smallest face looked for: those from 20 count, and boxes differ."""
LEAST = 0.02
"""Score from which faces are kept, for the curves."""
STOCK = "mtcnn"
STOCK_THRESHOLD = 0.8
"""The package's."""
Finds = dict[str, list[Found]]
"""In each photo, by the detector's name."""


def stock() -> Detector:
    """The package's nets as the package uses them, but that they say more."""
    return stock_cascade((*PASSING, LEAST), SMALLEST)


def in_training(net: keras.Model, smallest: float) -> Detector:
    """The net of a training, shown the smallest faces at a size."""
    return detector_of(net, smallest, LEAST, SMALLEST)


def in_bundle(folder: Path) -> tuple[Detector, float]:
    """A bundle as the device runs it, and the score from which it reports a face.

    Raises:
        MaskGateError: a bundle that the device would refuse.
    """
    bundle = load_bundle(folder)
    manifest = bundle.manifest
    if manifest.threshold is not None:
        settings = Settings(min_face=SMALLEST, score_threshold=LEAST)
        return detector_in(bundle, settings), manifest.threshold
    *passing, threshold = manifest.thresholds
    said = (passing[0], passing[1], LEAST)
    settings = Settings(kind="mtcnn", min_face=SMALLEST, thresholds=said)
    return detector_in(bundle, settings), threshold


def look(
    photos: Sequence[Photo],
    detectors: Mapping[str, Detector],
    change: Change = unchanged,
    label: str = "looking",
) -> Finds:
    """What each detector finds in each photo.

    Args:
        photos: to look at.
        detectors: by their names.
        change: what is done to each photo before.
        label: of the progress bar.

    Raises:
        MaskGateError: a photo cannot be read.
    """
    found = {}
    for name, detector in detectors.items():
        with click.progressbar(photos, label=f"{name}: {label}", file=sys.stderr) as bar:
            found[name] = [found_in(photo, detector, change) for photo in bar]
    return found


def look_at_worse(photos: Sequence[Photo], detectors: Mapping[str, Detector]) -> dict[str, Finds]:
    """What each detector finds when the photos are made worse, by CONDITIONS.

    Raises:
        MaskGateError: a photo cannot be read.
    """
    return {name: look(photos, detectors, change, name) for name, change in CONDITIONS.items()}
