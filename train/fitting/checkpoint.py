"""The state of a training in one file, so that a killed one goes on as if nothing had been."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np
from numpy.typing import NDArray

from edge.errors import MaskGateError

CHECKPOINT = Path("checkpoint") / "state.npz"
"""Where it lies in the run folder."""
Arrays = list[NDArray[Any]]
Row = dict[str, float]
"""What one epoch showed: epoch, loss, accuracy, val_loss, val_accuracy, seconds."""


@dataclass(slots=True)
class Progress:
    """How far a training has come; the weights apart."""

    rows: list[Row] = field(default_factory=list)
    """One of each epoch that is done."""
    best: float = float("inf")
    """The least loss on the validation faces so far."""
    waited: int = 0
    """Epochs since then."""
    stopped: bool = False
    """Whether it ended early, for it got no better."""

    @property
    def epoch(self) -> int:
        """The epoch to go on with, from 0."""
        return len(self.rows)


def write_checkpoint(path: Path, model: keras.Model, progress: Progress, best: Arrays) -> None:
    """Write a training's whole state, in place of the one before or not at all.

    Args:
        path: of the file.
        model: compiled; its weights, random states and optimizer are kept.
        progress: how far it has come.
        best: the weights to end with if it gets no better; may be empty.
    """
    arrays: dict[str, Any] = {
        f"variable{n}": value for n, value in enumerate(_values(_variables(model)))
    }
    arrays |= {f"best{n}": value for n, value in enumerate(best)}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        np.savez(file, progress=np.array(json.dumps(asdict(progress))), **arrays)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def read_checkpoint(path: Path, model: keras.Model) -> tuple[Progress, Arrays]:
    """Put a model where the training was when the checkpoint was written.

    Args:
        path: of the file; where there is none, the training starts from the beginning.
        model: built and compiled as the one that was written.

    Returns:
        How far the training had come, and the weights that were best so far.

    Raises:
        MaskGateError: the file is broken or belongs to another model.
    """
    if not path.is_file():
        return Progress(), []
    try:
        with np.load(path) as archive:
            progress = Progress(**json.loads(str(archive["progress"])))
            values, best = _numbered(archive, "variable"), _numbered(archive, "best")
    except (ValueError, TypeError, KeyError, EOFError, BadZipFile) as error:
        raise MaskGateError(
            f"checkpoint {path}: cannot be read ({error}); delete the run and start again"
        ) from error
    variables = _variables(model)
    if [value.shape for value in values] != [tuple(one.shape) for one in variables]:
        raise MaskGateError(
            f"checkpoint {path}: belongs to another model; delete the run and start again"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return progress, best


def _variables(model: keras.Model) -> list[Any]:
    # A model's variables include the states of its random layers.
    model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def _values(variables: Sequence[Any]) -> Arrays:
    # By way of a tensor, for a variable of several devices is none.
    return [np.asarray(keras.ops.convert_to_tensor(variable)) for variable in variables]


def _numbered(archive: Any, name: str) -> Arrays:
    count = sum(key.startswith(name) for key in archive.files)
    return [archive[f"{name}{number}"] for number in range(count)]
