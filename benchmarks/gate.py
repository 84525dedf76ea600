"""The motion gate: what a frame costs when nothing moves, and when somebody walks by.

Each round takes one frame in three ways, so that a busy moment hits all of them: the whole frame
searched, the same entrance still, and somebody walking through it.
"""

import statistics
import time
from collections.abc import Callable

import click
import cv2
import numpy as np

from benchmarks.frames import HEIGHT, WIDTH
from benchmarks.table import print_table
from edge.bundle import load_bundle
from edge.config import Detector, Tracking
from edge.demo.entrance import DESK, entrance
from edge.demo.figure import Clothing, CutOut, Figure
from edge.demo.portraits import COLLINS
from edge.people.tracker import Tracker
from edge.values import Frame, Pixels
from edge.vision.cascade import Cascade
from edge.vision.gate import Gate, search
from edge.vision.regions import SIZES

RATE = 15
"""Frames per second of the made-up camera."""
NOISE = 3.0
"""Standard deviation of its noise, grey levels."""
WARM_UP = 2 * RATE
"""Frames that do not count: the noise is measured, the nets are made ready."""
BAR = 0.10
"""Share of a full detection that a still frame may cost."""


class Gated:
    """The gate, the detector and the tracker, as the chain has them."""

    def __init__(self) -> None:
        settings = Detector()
        self._cascade = Cascade(load_bundle(settings.bundle), settings, sizes=SIZES)
        self._gate, self._tracker = Gate(settings.min_face), Tracker(Tracking())
        self.reasons: list[str] = []

    def process(self, pixels: Pixels, number: int) -> None:
        """Find the faces of the next frame."""
        frame = Frame(pixels, "camera", number, number / RATE, number / RATE)
        known = [box for _, box in self._tracker.expected(frame)]
        look = self._gate.plan(frame, known, [])
        faces, look = search(self._cascade, pixels, look)
        self._tracker.update(frame, faces, look.covers)
        self.reasons.append(look.reason)


def pictures(rounds: int) -> tuple[list[Pixels], list[Pixels]]:
    """The entrance, still and with somebody who walks to and fro, both noisy."""
    empty, chance = entrance(), np.random.default_rng(5)
    grain = [chance.normal(0, NOISE, empty.shape).astype(np.float32) for _ in range(4)]
    person = Figure(CutOut(COLLINS), Clothing())
    still, walked = [], []
    for number in range(rounds + WARM_UP):
        picture = empty.copy()
        person.set_into(picture, WIDTH / 2 + 200 * np.sin(number / 25), 180, 50, DESK)
        noise = grain[number % len(grain)]
        still.append(np.clip(empty + noise, 0, 255).astype(np.uint8))
        walked.append(np.clip(picture + noise, 0, 255).astype(np.uint8))
    return still, walked


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that it takes."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


@click.command()
@click.option("--rounds", default=150, show_default=True, help="Frames of each way.")
def main(rounds: int) -> None:
    """Measure the gate on 640x480 frames, one thread."""
    cv2.setNumThreads(1)
    settings = Detector()
    full = Cascade(load_bundle(settings.bundle), settings)
    quiet, busy = Gated(), Gated()
    taken: dict[str, list[float]] = {"full": [], "still": [], "between": [], "walker": []}
    for number, (still, walked) in enumerate(zip(*pictures(rounds), strict=True)):
        times = {"full": timed(lambda: full.detect(still))}  # noqa: B023 - called at once
        times["still"] = timed(lambda: quiet.process(still, number))  # noqa: B023
        times["walker"] = timed(lambda: busy.process(walked, number))  # noqa: B023
        if quiet.reasons[-1] == "still":
            times["between"] = times["still"]
        if number >= WARM_UP:
            for way, spent in times.items():
                taken[way].append(spent)
    print_table(
        f"The motion gate, {WIDTH}x{HEIGHT}, {rounds} frames, ms",
        ("frame", "median", "mean", "share of full, median", "bar"),
        [
            ("full detection, nobody", *_row(taken, "full"), ""),
            ("nothing moved", *_row(taken, "between"), f"{BAR:.0%}"),
            ("nothing moved, full looks counted in", *_row(taken, "still"), ""),
            ("one walker", *_row(taken, "walker"), ""),
        ],
    )


def _row(taken: dict[str, list[float]], way: str) -> tuple[float, float, str]:
    middle = statistics.median(taken[way])
    return middle, statistics.mean(taken[way]), f"{middle / statistics.median(taken['full']):.1%}"


if __name__ == "__main__":
    main()
