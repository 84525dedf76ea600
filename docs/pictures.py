"""Makes the pictures of the README and of the documentation. Run by `make pictures`."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle import load_bundle
from edge.chain import Chain
from edge.config import Classifier, Detector, Settings
from edge.demo.portraits import COLLINS, HOPPER, find_photo
from edge.demo.source import Demo
from edge.finder import detector_in
from edge.nets import OpenNets
from edge.show.drawing import annotate
from edge.sources.feed import every_frame
from train.data.annotations import BARE, LabelledFace
from train.data.patches import collect_patches
from train.feed.faces import AugmentedFaces
from train.models.compact import MARGIN

HERE = Path(__file__).parent
MOMENTS = (60, 160)
"""Frames of the demo that show somebody bare and somebody masked."""
COLUMNS, SIDE = 10, 96
"""Faces in a row of what the training sees, and their side in pixels."""


def entrance() -> NDArray[np.uint8]:
    """Watch the demo, and put two moments of it side by side."""
    settings = Settings(
        detector=Detector(accelerator="cpu"), classifier=Classifier(accelerator="cpu")
    )
    chain = Chain(OpenNets(settings), settings)
    moments = []
    for frame in every_frame(Demo(endless=False), "entrance"):
        people = chain.process(frame).people
        if frame.sequence in MOMENTS:
            moments.append(annotate(frame.pixels, people, settings.decision.violations))
    return np.hstack(moments)


def training() -> NDArray[np.uint8]:
    """Show the demo's two bare faces as the training does: a row bare, a row with drawn masks."""
    settings = Detector()
    photos = [find_photo(portrait) for portrait in (COLLINS, HOPPER)]
    faces = [LabelledFace(photo, BARE, None, photo.name, "demo") for photo in photos]
    patches = list(collect_patches(faces, detector_in(load_bundle(settings.bundle), settings)))
    found = [patch for patch in patches if patch.landmarks is not None]
    cuts, masked = AugmentedFaces(found, SIDE, MARGIN, 100, steps=1, seed=4).batch(0, 0)
    rows = [np.hstack(cuts[masked[:, 0] == wears][:COLUMNS]) for wears in (0, 1)]
    return np.vstack(rows)


def main() -> None:
    """Make all pictures anew."""
    for name, picture in (("entrance.jpg", entrance()), ("training.jpg", training())):
        cv2.imwrite(str(HERE / name), picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
