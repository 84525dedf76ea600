"""The motion gate on clips: who is seen and alerted of, against a search of every frame.

Each clip is played forwards and backwards.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
import cv2

from benchmarks.table import print_table
from edge.chain import Chain
from edge.config import Camera, Classifier, Detector, Settings
from edge.errors import MaskGateError
from edge.nets import OpenNets
from edge.sources.opening import open_source
from edge.values import Frame, Pixels

RATE = 15.0
"""Frames per second of a source that does not say."""


@dataclass
class Seen:
    """What a chain tells of a clip."""

    persons: int = 0
    first: list[int] = field(default_factory=list)
    """Frames in which each person was first counted as one."""
    alerts: list[str] = field(default_factory=list)
    searched: float = 0.0
    """Pixels searched, in frames."""


def seen(frames: Sequence[Pixels], rate: float, *, gate: bool) -> Seen:
    """Watch a clip."""
    settings = Settings(
        detector=Detector(accelerator="cpu", gate=gate), classifier=Classifier(accelerator="cpu")
    )
    chain, told, known = Chain(OpenNets(settings), settings), Seen(), set()
    for number, pixels in enumerate(frames):
        outcome = chain.process(Frame(pixels, "clip", number, number / rate, number / rate))
        for track, _ in outcome.people:
            if track.hits >= settings.tracking.confirm_hits and track.id not in known:
                known.add(track.id)
                told.first.append(number)
        told.alerts += [f"{alert.state} {alert.label}" for alert in outcome.alerts]
        height, width = pixels.shape[:2]
        regions = outcome.look.regions
        whole = 1.0 if regions is None else 0.0
        told.searched += whole + sum(
            region.width * region.height / (width * height) for region in regions or ()
        )
    told.alerts += [f"{alert.state} {alert.label}" for alert in chain.finish()]
    told.persons = chain.people.seen
    return told


def _frames(clip: Path) -> tuple[list[Pixels], float]:
    try:
        source = open_source(Camera(source=str(clip)), once=True)
    except MaskGateError as error:
        raise click.BadParameter(str(error)) from error
    frames = []
    while (pixels := source.read()) is not None:
        frames.append(pixels)
    source.close()
    return frames, 1 / source.interval if source.interval else RATE


def _rows(clip: Path) -> Iterator[tuple[object, ...]]:
    frames, rate = _frames(clip)
    for name, played in ((clip.stem, frames), ("  backwards", frames[::-1])):
        gated, full = seen(played, rate, gate=True), seen(played, rate, gate=False)
        later = [mine - other for mine, other in zip(gated.first, full.first, strict=False)]
        yield (
            name,
            len(played),
            f"{gated.persons} of {full.persons}",
            max(later, default=0),
            "alike" if gated.alerts == full.alerts else "DIFFERENT",
            f"{gated.searched / len(played):.0%}",
        )


@click.command()
@click.argument(
    "clips", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
def main(clips: tuple[Path, ...]) -> None:
    """Compare the gate with a search of every frame on CLIPS: videos or GIFs."""
    cv2.setNumThreads(1)
    print_table(
        "The motion gate on clips",
        ("clip", "frames", "persons seen", "frames later", "alerts", "searched"),
        [row for clip in clips for row in _rows(clip)],
    )


if __name__ == "__main__":
    main()
