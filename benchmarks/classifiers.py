"""One face through the compact model and through the paper's CNN, both int8, on one thread.

The time of a cut face's way through the interpreter; the CNN is untrained, which costs the same.
"""

import statistics
import time
from collections.abc import Callable

import click
import numpy as np

from benchmarks.table import print_table
from edge.bundle import MODELS, load_bundle
from edge.runtime.model import open_model


def _runner(content: bytes, size: int) -> Callable[[], None]:
    net = open_model(content, "classifier")
    face = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)

    def run() -> None:
        net.room()[...] = face
        net.run()

    return run


@click.command()
@click.option("--rounds", default=200, show_default=True, help="Faces for each model.")
def main(rounds: int) -> None:
    """Compare the two models in one run, face by face in turns."""
    from convert.tflite import face_examples, to_tflite
    from train.models.cnn import SIZE, cnn_model

    faces = np.random.default_rng(1).integers(0, 256, (16, SIZE, SIZE, 3), np.uint8)
    bundle = load_bundle(MODELS / "compact")
    cnn = to_tflite(cnn_model(), "uint8", face_examples(faces))
    compact = bundle.model("classifier")
    runners = {
        "the paper's CNN": (_runner(cnn, SIZE), len(cnn)),
        "compact": (_runner(compact, bundle.manifest.input.width), len(compact)),
    }
    taken: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, (run, _size) in runners.items():
            begun = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - begun)
    median = {name: statistics.median(times) * 1000 for name, times in taken.items()}
    rows = [
        (name, size / 1000, median[name], median[name] / median["the paper's CNN"])
        for name, (_, size) in runners.items()
    ]
    print_table("One face, int8", ("model", "KB", "ms", "share of the CNN's time"), rows)


if __name__ == "__main__":
    main()
