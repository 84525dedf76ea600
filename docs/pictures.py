"""Makes the pictures of the README and of the documentation. Run by `make pictures`."""

import tempfile
import time
from collections import Counter
from datetime import date
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle import load_bundle
from edge.chain import Chain
from edge.config import Classifier, Detector, Settings, View
from edge.demo.portraits import COLLINS, HOPPER, find_photo
from edge.demo.source import Demo
from edge.finder import detector_in
from edge.nets import OpenNets
from edge.people.counts import Counts
from edge.people.decision import People
from edge.show.drawing import annotate
from edge.sources.feed import every_frame
from edge.sources.state import CameraState
from edge.view.found import kind_of
from edge.view.live import Live
from edge.view.server import LiveView
from tests.browser import Browser
from train.data.annotations import BARE, LabelledFace
from train.data.patches import collect_patches
from train.feed.faces import AugmentedFaces
from train.models.compact import MARGIN

HERE = Path(__file__).parent
MOMENTS = (60, 160)
"""Frames of the demo that show somebody bare and somebody masked."""
ON_PHONE, ON_DESKTOP = 272, 350
"""Frames of the demo that the live view shows."""
COLUMNS, SIDE = 10, 96
"""Faces in a row of what the training sees, and their side in pixels."""


CPU = Settings(detector=Detector(accelerator="cpu"), classifier=Classifier(accelerator="cpu"))


def entrance() -> NDArray[np.uint8]:
    """Watch the demo, and put two moments of it side by side."""
    chain = Chain(OpenNets(CPU), CPU)
    moments = []
    for frame in every_frame(Demo(endless=False), "entrance"):
        people = chain.process(frame).people
        if frame.sequence in MOMENTS:
            moments.append(annotate(frame.pixels, people, CPU.decision.violations))
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


def live_view() -> NDArray[np.uint8]:
    """Show the demo in the live view, on a desktop and on a phone."""
    settings = CPU.model_copy(update={"view": View(port=0)})
    chain = Chain(OpenNets(settings), settings)
    state = CameraState("entrance", "delivering", None, 0.0, 0, 0, 0)
    live = Live(settings, lambda: _counts(chain.people), lambda: [state])
    frames = every_frame(Demo(endless=False), "entrance")

    def play(count: int, interval: float = 0.0) -> None:
        begun = time.monotonic()
        for number, frame in enumerate(islice(frames, count), 1):
            outcome = chain.process(frame)
            live.saw("entrance", frame, outcome)
            live.told(outcome.alerts)
            time.sleep(max(0.0, begun + number * interval - time.monotonic()))

    with LiveView(settings, live) as page, tempfile.TemporaryDirectory() as profile:
        browser = Browser(Path(profile))
        try:
            browser.become(390, 770, dark=True)
            play(ON_PHONE - 45)
            browser.open(page.url)
            play(45, 1 / 15)
            time.sleep(1)  # until the state beside the picture is of the same moment
            phone = browser.photograph()
            browser.become(1120, 770)
            play(ON_DESKTOP - ON_PHONE, 1 / 15)
            time.sleep(1)
            desktop = browser.photograph()
        finally:
            browser.close()
    gap = np.full((len(desktop), 24, 3), 255, np.uint8)
    return np.hstack([desktop, gap, phone])


def _counts(people: People) -> Counts:
    judged = Counter(
        {kind_of(label, CPU.decision.violations): n for label, n in people.by_label.items()}
    )
    return Counts(date.today(), judged["masked"], judged["violation"], people.unsure)  # noqa: DTZ011


def main() -> None:
    """Make all pictures anew."""
    pictures = {
        HERE / "entrance.jpg": entrance(),
        HERE / "training.jpg": training(),
        HERE / "live-view.jpg": live_view(),
    }
    for path, picture in pictures.items():
        cv2.imwrite(str(path), picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
