"""Reads what a training left: the model, its recipe, and the faces to show it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, is_zipfile

import keras
import numpy as np
from numpy.typing import NDArray

from convert.recipe import read_metrics, read_recipe
from edge.errors import MaskGateError

_UNREADABLE = (
    OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, MemoryError, BadZipFile,
)  # fmt: skip
"""What NumPy and Keras raise for a file that is damaged or another."""


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """What a training left."""

    folder: Path
    recipe: Mapping[str, Any]
    metrics: Mapping[str, Any]
    """Figures of the validation."""
    calibration: NDArray[np.uint8]
    """Faces that it was trained on, cut as the device cuts them."""
    validation: NDArray[np.uint8]
    """Views of faces that were held back."""
    masked: NDArray[np.bool_]
    """Of each of those."""
    model: keras.Model


def read_run(folder: Path) -> TrainedRun:
    """Read what conversion needs of a run.

    Raises:
        MaskGateError: a part is missing, damaged, or does not fit the others.
    """
    try:
        recipe, metrics = read_recipe(folder), read_metrics(folder)
        shape = (recipe["size"], recipe["size"], 3)
        with _named("faces.npz"):
            faces = _read_faces(folder / "faces.npz", shape)
        model = _read_classifier(folder / "model.keras", shape)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise MaskGateError(
            f"run {folder}: expected what maskgate-train writes (model.keras, recipe.json, "
            f"metrics.json, faces.npz), found: {reason}; train it again"
        ) from error
    return TrainedRun(folder, recipe, metrics, *faces, model)


@contextmanager
def _named(file: str) -> Iterator[None]:
    """Say which file an error is of."""
    try:
        yield
    except _UNREADABLE as error:
        raise ValueError(f"{file}: {error}") from error


def _read_faces(
    file: Path, shape: tuple[int, ...]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
    with np.load(file) as archive:
        parts = archive["calibration"], archive["validation"], archive["masked"]
    calibration, validation, masked = parts
    for name, faces in (("calibration", calibration), ("validation", validation)):
        if faces.dtype != np.uint8 or faces.shape[1:] != shape:
            raise ValueError(
                f"{name}: expected uint8 {shape}, found {faces.dtype} {faces.shape[1:]}"
            )
    if masked.dtype != np.bool_ or masked.ndim != 1:
        raise ValueError(
            f"masked: expected yes or no for each face, found {masked.dtype} {masked.shape}"
        )
    if not len(validation) or len(masked) != len(validation):
        raise ValueError(
            f"expected a label for each validation face and at least one, found {len(masked)} for "
            f"{len(validation)}"
        )
    return parts


def load_model(file: Path) -> keras.Model:
    """Load a Keras model.

    Raises:
        ValueError: it is none, or damaged.
        OSError: it cannot be read.
    """
    # Keras would say that there is no such file.
    if file.is_file() and not is_zipfile(file):
        raise ValueError(f"{file.name}: it is no Keras model, or one that was cut short")
    with _named(file.name):
        return keras.models.load_model(file, compile=False)


def _read_classifier(file: Path, shape: tuple[int, ...]) -> keras.Model:
    model = load_model(file)
    with _named(file.name):
        if model.input_shape[1:] != shape or model.output_shape[1:] != (1,):
            raise ValueError(
                f"recipe.json says {shape[1]}x{shape[0]} pixels and one probability, the model "
                f"takes {model.input_shape[1:]} and gives {model.output_shape[1:]}"
            )
    return model
