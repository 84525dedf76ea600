"""Face detection: the `mtcnn` package, and the same nets as MaskGate runs them.

Each round runs every way on every frame, so that a busy moment hits all of them; twice, and the
second time counts, for a device does nothing else in between. Ours use one thread, the package as
many as TensorFlow likes.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import click
import cv2

from benchmarks.frames import group, portrait
from benchmarks.table import print_table
from edge.bundle import load_bundle
from edge.config import Detector
from edge.finder import detector_in
from edge.values import Pixels

EXACT = Detector(
    kind="mtcnn", form="float32", min_face=20, factor=0.709, thresholds=(0.6, 0.7, 0.8)
)
"""The package's own settings, in the form that gives its faces."""
QUICK = EXACT.model_copy(update={"form": "dynamic"})
"""The same settings with quantised nets and quick sampling."""
FRAMES = {
    "portrait": portrait(),
    "1 face": group(1),
    "3 faces": group(3),
    "5 faces": group(5),
}


@dataclass
class Way:
    """One way of finding faces, and what it took, frame by frame."""

    name: str
    find: Callable[[Pixels], int]
    invoked: Callable[[], float] | None = None
    faces: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    inside: dict[str, list[float]] = field(default_factory=dict)

    def run(self, frame: str) -> None:
        """Find the faces of a frame twice, and time the second."""
        self.find(FRAMES[frame])
        before = self.invoked() if self.invoked else 0.0
        start = time.perf_counter()
        self.faces[frame] = self.find(FRAMES[frame])
        self.seconds.setdefault(frame, []).append(time.perf_counter() - start)
        if self.invoked:
            self.inside.setdefault(frame, []).append(self.invoked() - before)

    def median(self, frame: str) -> float:
        """Milliseconds for a frame."""
        return statistics.median(self.seconds[frame]) * 1000

    def median_inside(self, frame: str) -> float:
        """Milliseconds inside the interpreters for a frame."""
        return statistics.median(self.inside[frame]) * 1000


def package() -> Way:
    """The stock package."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from mtcnn import MTCNN

    stock = MTCNN()
    return Way("mtcnn package", lambda pixels: len(stock.detect_faces(pixels)))


def ours(name: str, settings: Detector) -> Way:
    """MaskGate's detector."""
    detector = detector_in(load_bundle(settings.bundle), settings)
    return Way(name, lambda pixels: len(detector.detect(pixels)), lambda: detector.invoke_seconds)


def take_turns(ways: Sequence[Way], rounds: int) -> None:
    """Let each way find the faces of each frame in every round; one thread for OpenCV too."""
    cv2.setNumThreads(1)
    with click.progressbar(range(rounds), label="rounds", file=sys.stderr) as bar:
        for _ in bar:
            for frame in FRAMES:
                for way in ways:
                    way.run(frame)


@click.command()
@click.option("--rounds", default=20, show_default=True, help="How often each way runs.")
def main(rounds: int) -> None:
    """Measure face detection on 640x480 frames."""
    click.echo("loading TensorFlow", err=True)
    ways = [
        package(),
        ours("exact, its settings", EXACT),
        ours("quick, its settings", QUICK),
        ours("our defaults", Detector()),
    ]
    take_turns(ways, rounds)
    print_table(
        f"Face detection, 640x480, medians of {rounds} rounds",
        ("frame", "way", "faces", "ms", "in invoke", "share", "ms / invoke", "times faster"),
        [_row(frame, way, ways[0]) for frame in FRAMES for way in ways],
    )


def _row(frame: str, way: Way, stock: Way) -> tuple[object, ...]:
    taken, faster = way.median(frame), stock.median(frame) / way.median(frame)
    if not way.inside:
        return frame, way.name, way.faces[frame], taken, "", "", "", faster
    inside = way.median_inside(frame)
    share = f"{inside / taken:.0%}"
    return frame, way.name, way.faces[frame], taken, inside, share, taken / inside, faster


if __name__ == "__main__":
    main()
