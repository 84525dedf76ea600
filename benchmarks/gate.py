"""The motion gate: what a frame costs when nothing moves, and when somebody walks by.

Each round takes two frames in two ways, so that a busy moment hits all of them: an entrance where
nothing moves and one where somebody walks, each searched whole, and as the gate says.
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
from edge.finder import detector_in
from edge.people.tracker import Tracker
from edge.values import Frame, Pixels
from edge.vision.gate import Gate, search
from edge.vision.regions import SIZES

RATE = 15
"""Frames per second of the made-up camera."""
NOISE = 3.0
"""Standard deviation of its noise, grey levels."""
WARM_UP = 2 * RATE
"""Frames that do not count: the noise is measured, the nets are made ready."""
WHOLE, WALKED_WHOLE = "nobody, full detection", "one walker, full detection"
BETWEEN, STILL = "nobody, between full looks", "nobody, full looks counted in"
WALKED = "one walker"
BAR = 0.10
"""Share of a full detection that a still frame may cost."""


class Gated:
    """The gate, the detector and the tracker, as the chain has them."""

    def __init__(self) -> None:
        settings = Detector()
        self._detector = detector_in(load_bundle(settings.bundle), settings, sizes=SIZES)
        self._gate, self._tracker = Gate(settings.min_face), Tracker(Tracking())
        self.reasons: list[str] = []

    def process(self, pixels: Pixels, number: int) -> None:
        """Find the faces of the next frame."""
        frame = Frame(pixels, "camera", number, number / RATE, number / RATE)
        known = [box for _, box in self._tracker.expected(frame)]
        look = self._gate.plan(frame, known, [])
        faces, look = search(self._detector, pixels, look)
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
    full = detector_in(load_bundle(settings.bundle), settings)
    quiet, busy = Gated(), Gated()
    taken: dict[str, list[float]] = {
        WHOLE: [],
        STILL: [],
        BETWEEN: [],
        WALKED_WHOLE: [],
        WALKED: [],
    }
    for number, (still, walked) in enumerate(zip(*pictures(rounds), strict=True)):
        times = {WHOLE: timed(lambda: full.detect(still))}  # noqa: B023 - called at once
        times[STILL] = timed(lambda: quiet.process(still, number))  # noqa: B023
        times[WALKED_WHOLE] = timed(lambda: full.detect(walked))  # noqa: B023
        times[WALKED] = timed(lambda: busy.process(walked, number))  # noqa: B023
        if quiet.reasons[-1] == "still":
            times[BETWEEN] = times[STILL]
        if number >= WARM_UP:
            for way, spent in times.items():
                taken[way].append(spent)
    print_table(
        f"The motion gate, {WIDTH}x{HEIGHT}, {rounds} frames, ms",
        ("frame", "median", "mean", "share of full, median", "mean", "bar"),
        [
            _row(WHOLE, taken, WHOLE),
            _row(BETWEEN, taken, WHOLE, f"{BAR:.0%}"),
            _row(STILL, taken, WHOLE, f"{BAR:.0%}"),
            _row(WALKED_WHOLE, taken, WALKED_WHOLE),
            _row(WALKED, taken, WALKED_WHOLE),
        ],
    )


def _row(way: str, taken: dict[str, list[float]], full: str, bar: str = "") -> tuple[object, ...]:
    middle, mean = statistics.median(taken[way]), statistics.mean(taken[way])
    of_middle = middle / statistics.median(taken[full])
    of_mean = mean / statistics.mean(taken[full])
    return way, middle, mean, f"{of_middle:.1%}", f"{of_mean:.1%}", bar


if __name__ == "__main__":
    main()
