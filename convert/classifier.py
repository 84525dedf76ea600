"""From a training's run folder to the classifier's bundle, int8 and measured."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np
from numpy.typing import NDArray

from convert.bundle import require_free, write_bundle
from convert.tflite import Faces, to_uint8
from edge.errors import MaskGateError
from edge.runtime.model import open_model
from train.judging.metrics import SMALLEST


def write_classifier(
    run: Path, out: Path, *, version: str, overwrite: bool, report: Callable[[str], None]
) -> None:
    """Convert a trained classifier and measure what int8 costs on the validation faces.

    Args:
        run: a folder that maskgate-train wrote.
        out: the bundle's folder.
        version: the bundle's version, e.g. "1.0.0".
        overwrite: replace a bundle that is already there.
        report: gets a line for each step.

    Raises:
        MaskGateError: the run is not complete, or the bundle's folder is taken.
    """
    require_free(out, overwrite=overwrite)
    recipe, metrics, faces, model = _read_run(run)
    report(f"converting {recipe['model']} to int8 with {len(faces['calibration'])} faces")
    content = to_uint8(model, faces["calibration"])
    masked = faces["masked"]
    before = model.predict(faces["validation"], batch_size=256, verbose=0)[:, 0]
    after = _run_uint8(content, faces["validation"])
    measured = {
        **metrics["validation"],
        "accuracy_float32": _accuracy(before, masked),
        "accuracy_int8": _accuracy(after, masked),
        "labels_changed_by_int8": int(((before >= 0.5) != (after >= 0.5)).sum()),
        "views": len(masked),
        "measured_on": f"faces of at least {SMALLEST:g} pixels in photos held back from the "
        "training, one view of each around its labelled box; float32 and int8 on all views, those "
        "around the boxes of the device's detector too",
    }
    manifest = {
        "name": recipe["model"],
        "version": version,
        "task": "mask-classification",
        "labels": recipe["labels"],
        "input": {
            "width": recipe["size"],
            "height": recipe["size"],
            "colour": "RGB",
            "dtype": "uint8",
            "offset": 0.0,
            "scale": 1.0,
            "margin": recipe["margin"],
        },
        "output": "probability of the first label",
        "threshold": recipe["threshold"],
        "unsure": recipe["unsure"],
        "default_form": "uint8",
        "measured": measured,
        "origin": {"recipe": recipe},
        "licence": "Apache-2.0",
    }
    write_bundle(out, manifest, {("classifier", "uint8"): content}, overwrite=overwrite)
    report(f"{out}: {len(content)} bytes, {json.dumps(measured)}")


def _run_uint8(content: bytes, faces: Faces) -> NDArray[np.float64]:
    net = open_model(content, "classifier")
    outputs = []
    for face in faces:
        net.room()[...] = face
        outputs.append(float(net.taken.values(net.run())[0]))
    return np.array(outputs)


def _accuracy(probabilities: NDArray[Any], masked: NDArray[np.bool_]) -> float:
    return round(float(((probabilities >= 0.5) == masked).mean()), 4)


def _read_run(
    run: Path,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], keras.Model]:
    try:
        recipe = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        with np.load(run / "faces.npz") as archive:
            faces = dict(archive)
        return recipe, metrics, faces, keras.models.load_model(run / "model.keras")
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise MaskGateError(
            f"run {run}: expected what maskgate-train writes (model.keras, recipe.json, "
            f"metrics.json, faces.npz); {reason}"
        ) from error
