"""Runs models in a process of their own, so that a driver that crashes or hangs costs nothing.

The process may also be another Python's, with another runtime.
"""

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import MaskGateError
from edge.runtime.accelerator import Accelerator
from edge.runtime.apart import ApartError, run_apart, said_last

ORDER, RESULT = "order.json", "result.json"
MODEL, INPUTS, OUTPUTS = "model{}.tflite", "inputs{}.npy", "outputs{}.npy"
"""One each for every job."""
_UNSUPPORTED = re.compile(
    r"^ERROR: Following operations are not supported by GPU.*\n((?:.+\n)+?)\d", re.M
)
"""How LiteRT's GPU accelerator lists the operations that it leaves; their number follows."""


@dataclass(frozen=True, slots=True)
class Job:
    """A model, and what it is shown."""

    content: bytes
    """The .tflite file."""
    inputs: NDArray[np.float32]
    """Real values, inputs x height x width x 3, of any size that the model takes."""
    name: str = "under trial"
    """What the model is called in an error message."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a model gave, and how fast."""

    outputs: NDArray[np.float32]
    """Real values, inputs x (the output tensor's shape without the batch's axis)."""
    seconds: tuple[float, ...]
    """Of each timed run: filling the input, running, fetching the output."""
    runtime: str
    """Its name and version."""

    @property
    def median(self) -> float:
        """Median of the seconds."""
        return float(np.median(self.seconds))


class TrialError(MaskGateError):
    """A model that could not be run; says why in one line."""

    def __init__(self, reason: str, unsupported: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.unsupported = unsupported
        """The operations that the GPU leaves, e.g. "RFFT2D: Operation is not supported."."""


def try_model(
    content: bytes,
    accelerator: Accelerator,
    inputs: NDArray[np.float32],
    *,
    repeats: int,
    limit: float,
    budget: float | None = None,
    python: Path | None = None,
) -> Trial:
    """Run a model on each input, then `repeats` times more for its time.

    Args:
        content: the .tflite file.
        accelerator: what it shall run on.
        inputs: real values, inputs x height x width x 3, of any size that the model takes.
        repeats: timed runs; two more come first, untimed.
        limit: seconds after which the process is ended.
        budget: seconds after which no further timed run is begun; three there are at least.
        python: of an environment where `edge` and a TFLite runtime are installed; this one when
            None.

    Raises:
        TrialError: the runtime, the accelerator or the model refuses, crashes or takes too long.
    """
    (trial,) = try_models(
        [Job(content, inputs)],
        accelerator,
        repeats=repeats,
        limit=limit,
        budget=budget,
        python=python,
    )
    return trial


def try_models(
    jobs: Sequence[Job],
    accelerator: Accelerator,
    *,
    repeats: int,
    limit: float,
    budget: float | None = None,
    python: Path | None = None,
) -> list[Trial]:
    """Run several models in one process, all held ready, as the device holds them.

    Args:
        jobs: the models and their inputs; in each timed round, every model runs once.
        accelerator: what all of them shall run on.
        repeats: timed rounds; two more come first, untimed.
        limit: seconds after which the process is ended.
        budget: seconds after which no further timed round is begun; three there are at least.
        python: as for `try_model`.

    Returns:
        What each gave, in the order of the jobs.

    Raises:
        TrialError: the runtime, the accelerator or a model refuses, crashes or takes too long, or
            there is no room or no Python to try it with.
    """
    order = {
        "accelerator": asdict(accelerator),
        "jobs": [job.name for job in jobs],
        "repeats": repeats,
        "budget": budget,
    }
    try:
        with tempfile.TemporaryDirectory(prefix="maskgate-trial-") as name:
            folder = Path(name)
            for number, job in enumerate(jobs):
                (folder / MODEL.format(number)).write_bytes(job.content)
                np.save(folder / INPUTS.format(number), job.inputs)
            (folder / ORDER).write_text(json.dumps(order), encoding="utf-8")
            said = run_apart("edge.runtime.trial_process", folder, limit, python)
            return _read_trials(folder, accelerator, said)
    except ApartError as error:
        raise TrialError(f"on {accelerator}: {error}") from error
    except OSError as error:
        raise TrialError(
            f"on {accelerator}: it cannot be tried ({error.filename or tempfile.gettempdir()}: "
            f"{error.strerror or error})"
        ) from error


def _read_trials(folder: Path, accelerator: Accelerator, said: str) -> list[Trial]:
    """Read what the process left; TrialError where that is nothing, or a refusal."""
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        if "refused" not in result:
            return [
                Trial(np.load(folder / OUTPUTS.format(number)), tuple(taken), result["runtime"])
                for number, taken in enumerate(result["seconds"])
            ]
    except (OSError, ValueError) as error:
        raise TrialError(
            f"on {accelerator}: it ended without a result ({said_last(said)})"
        ) from error
    found = _UNSUPPORTED.search(said)
    unsupported = tuple(line.rstrip(": ") for line in found[1].splitlines()) if found else ()
    raise TrialError(f"on {accelerator}: {result['refused']}", unsupported)
