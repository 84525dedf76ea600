"""Other detectors, whose files are given, beside ours on the same frames, with one thread each.

Ours at its defaults, alone and with all that comes after it: every face that was found is cut out
and classified, as AIZOO's net does at once. Each round runs every way on every frame, so that a
busy moment hits all of them; the ratios are those of the rounds.
"""

import statistics
from pathlib import Path

import click

from benchmarks.aizoo import Aizoo
from benchmarks.detection import FRAMES, Way, ours, take_turns
from benchmarks.table import print_table
from edge.bundle import load_bundle
from edge.config import Classifier as ClassifierSettings
from edge.config import Detector
from edge.finder import detector_in
from edge.values import Pixels
from edge.vision.classifier import Classifier
from edge.vision.yunet import YuNet

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
WHOLE = "ours, with the classifier"
FASTER = {"YuNet": 1.0, "AIZOO": 2.0}
"""Times that ours, as a whole, is to be faster."""


def whole() -> Way:
    """Our detector, and our classifier on each face that it finds."""
    looking, judging = Detector(), ClassifierSettings()
    detector = detector_in(load_bundle(looking.bundle), looking)
    classifier = Classifier(load_bundle(judging.bundle), judging)

    def find(pixels: Pixels) -> int:
        faces = detector.detect(pixels)
        for face in faces:
            classifier.classify(pixels, face.box)
        return len(faces)

    return Way(WHOLE, find, lambda: detector.invoke_seconds + classifier.invoke_seconds)


def yunet(file: Path) -> Way:
    """OpenCV's YuNet, at its usual threshold."""
    net = YuNet(Detector(kind="yunet", file=file, score_threshold=0.6))
    return Way("YuNet", lambda pixels: len(net.detect(pixels)), lambda: net.invoke_seconds)


def aizoo(file: Path) -> Way:
    """AIZOO's net, which tells masked from bare as well."""
    net = Aizoo(file)
    return Way("AIZOO", lambda pixels: len(net.detect(pixels)), lambda: net.invoke_seconds)


@click.command()
@click.option("--yunet", "of_yunet", type=FILE, help="A YuNet in ONNX form.")
@click.option("--aizoo", "of_aizoo", type=FILE, help="AIZOO's face_mask_detection as TFLite.")
@click.option("--rounds", default=40, show_default=True, help="How often each way runs.")
def main(of_yunet: Path | None, of_aizoo: Path | None, rounds: int) -> None:
    """Measure the peers whose files are given on 640x480 frames."""
    ways = [ours("ours, detection", Detector()), whole()]
    ways += [ours("MTCNN", Detector(kind="mtcnn"))]
    ways += [yunet(of_yunet)] if of_yunet else []
    ways += [aizoo(of_aizoo)] if of_aizoo else []
    take_turns(ways, rounds)
    print_table(
        f"Peers, 640x480, one thread, medians of {rounds} rounds",
        ("frame", "way", "faces", "ms", "in invoke", "share", "times ours", "bar"),
        [_row(frame, way, ways[1]) for frame in FRAMES for way in ways],
    )


def _row(frame: str, way: Way, whole: Way) -> tuple[object, ...]:
    taken, inside = way.median(frame), way.median_inside(frame)
    pairs = zip(way.seconds[frame], whole.seconds[frame], strict=True)
    slower = statistics.median(theirs / mine for theirs, mine in pairs)
    bar = f"> {FASTER[way.name]:g}" if way.name in FASTER else ""
    share = f"{inside / taken:.0%}"
    return frame, way.name, way.faces[frame], taken, inside, share, slower, bar


if __name__ == "__main__":
    main()
