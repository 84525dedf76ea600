"""The whole chain, frame to verdict, against the paper's way on the same frames.

The paper's way: the `mtcnn` package, then the 3,371,785-parameter CNN by Keras' `predict`, each
frame on its own. The CNN is untrained here, which costs the same time. Ours runs in one thread.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import click
import cv2
import numpy as np

from benchmarks.detection import package
from benchmarks.frames import HEIGHT, WIDTH, group
from benchmarks.table import print_table
from edge.chain import STAGES, Chain
from edge.config import Classifier, Decision, Detector, Settings
from edge.nets import OpenNets
from edge.values import Box, Frame, Pixels
from edge.vision.cut import cut_face

RATE = 15
"""Frames per second of the made-up camera."""
WARM_UP = 3
DEFAULTS, ALL_FACES = "our defaults", "all faces classified in each frame"
PACES = {DEFAULTS: Decision(), ALL_FACES: Decision(classify_every=0)}


class PapersWay:
    """Finds the faces by the package and shows each to the paper's CNN."""

    def __init__(self) -> None:
        from mtcnn import MTCNN

        from train.models.cnn import SIZE, cnn_model

        self._find, self._model, self._size = MTCNN().detect_faces, cnn_model(), SIZE

    def process(self, pixels: Pixels) -> None:
        """Find and classify the faces of a frame."""
        faces = []
        for found in self._find(pixels):
            left, top, width, height = found["box"]
            box = Box(left, top, left + width, top + height)
            faces.append(cut_face(pixels, box, self._size, 0.0))
        if faces:
            self._model.predict(np.array(faces, np.float32), verbose=0)


@dataclass
class Measured:
    """What the frames with some faces took, in seconds, frame by frame."""

    taken: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By way."""
    spent: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By stage, of ours at its defaults."""
    inside: float = 0.0
    """Inside the interpreters, of ours at its defaults, all frames together."""

    def median(self, way: str) -> float:
        """Milliseconds for a frame."""
        return statistics.median(self.taken[way]) * 1000


def measure(
    pixels: Pixels, rounds: int, others: Mapping[str, Callable[[Pixels], object]]
) -> Measured:
    """Give the same frame to all ways, again and again; the first three times do not count."""
    nets = {name: OpenNets(_one_thread(pace)) for name, pace in PACES.items()}
    chains = {name: Chain(nets[name], _one_thread(pace)) for name, pace in PACES.items()}
    measured = Measured()
    for number in range(rounds + WARM_UP):
        if number == WARM_UP:
            measured = Measured()
        for name, process in others.items():
            start = time.perf_counter()
            process(pixels)
            measured.taken[name].append(time.perf_counter() - start)
        for name, chain in chains.items():
            frame = Frame(pixels, "camera", number, number / RATE, number / RATE)
            invoked, start = nets[name].invoke_seconds, time.perf_counter()
            outcome = chain.process(frame)
            measured.taken[name].append(time.perf_counter() - start)
            if name == DEFAULTS:
                measured.inside += nets[name].invoke_seconds - invoked
                for stage in STAGES:
                    measured.spent[stage].append(outcome.seconds[stage])
    return measured


def _one_thread(pace: Decision) -> Settings:
    """The defaults, but for what the nets run on: nothing is measured, nothing remembered."""
    return Settings(
        detector=Detector(accelerator="cpu"),
        classifier=Classifier(accelerator="cpu"),
        decision=pace,
    )


@click.command()
@click.option("--rounds", default=40, show_default=True, help="How many frames each way gets.")
def main(rounds: int) -> None:
    """Measure the chain on 640x480 frames with one to five faces."""
    cv2.setNumThreads(1)
    click.echo("loading TensorFlow", err=True)
    others = {"package": package().find, "paper": PapersWay().process}
    found = {count: measure(group(count), rounds, others) for count in range(1, 6)}
    print_table(
        f"The whole chain, {WIDTH}x{HEIGHT}, medians of {rounds} frames, ms",
        ("faces", "package", "paper's way", "ours", "times faster", "ours, all faces", "in invoke"),
        [_row(count, measured) for count, measured in found.items()],
    )
    print_table(
        "Where ours goes, means, ms",
        ("faces", *STAGES),
        [
            (count, *(statistics.mean(measured.spent[stage]) * 1000 for stage in STAGES))
            for count, measured in found.items()
        ],
    )


def _row(count: int, measured: Measured) -> tuple[object, ...]:
    ours, paper = measured.median(DEFAULTS), measured.median("paper")
    inside = f"{measured.inside / sum(measured.taken[DEFAULTS]):.0%}"
    every = measured.median(ALL_FACES)
    return count, measured.median("package"), paper, ours, paper / ours, every, inside


if __name__ == "__main__":
    main()
