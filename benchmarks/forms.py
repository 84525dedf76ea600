"""Every form of compact and of the detector's nets beside float32, one thread, in turns.

compact is untrained here, which costs the same; the shipped bundle has no float32.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np

from benchmarks.table import print_table
from edge.bundle import MODELS, load_bundle
from edge.config import Settings
from edge.probe.bench import bench


@click.command()
def main() -> None:
    """Print sizes, times and ratios; how they turn out depends on the processor."""
    from convert.bundle import write_bundle
    from convert.tflite import FORMS, face_examples, to_tflite
    from train.models.compact import SIZE, compact_model

    faces = np.random.default_rng(1).integers(0, 256, (16, SIZE, SIZE, 3), np.uint8)
    model, examples = compact_model(), face_examples(faces)
    manifest = load_bundle(MODELS / "compact").manifest.model_dump(mode="json", by_alias=True)
    with TemporaryDirectory(prefix="maskgate-bench-") as folder:
        untrained = Path(folder) / "compact"
        files = {("classifier", form): to_tflite(model, form, examples) for form in FORMS}
        write_bundle(
            untrained, {key: manifest[key] for key in manifest.keys() - {"schema", "files"}}, files
        )
        for place, bar in ((untrained, "2.5, at most 400 KB"), (MODELS / "mtcnn", "1.4")):
            timed = bench(load_bundle(place), Settings(), [1])
            took = {one.form: one.milliseconds[1] for one in timed if one.milliseconds}
            rows = [
                (one.form, one.bytes / 1000, took[one.form], took["float32"] / took[one.form])
                for one in timed
            ]
            title = f"{place.name}, one thread (bar of the quantised forms: x {bar})"
            print_table(title, ("form", "KB", "ms", "x float32"), rows)


if __name__ == "__main__":
    main()
