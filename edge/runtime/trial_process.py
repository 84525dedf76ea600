"""The process of a trial: reads an order from a folder, runs models, leaves the result there."""

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import MaskGateError
from edge.runtime.accelerator import Accelerator
from edge.runtime.interpreter import runtime_name
from edge.runtime.model import Model, open_model
from edge.runtime.trial import INPUTS, MODEL, ORDER, OUTPUTS, RESULT

WARM = 2
"""Rounds before the timed ones: the first ones make room and fill caches."""
LEAST = 3
"""Timed rounds that there are however long they take; a median needs as many."""


def main(folder: Path) -> None:
    """Do what a folder orders."""
    try:
        result = _follow(folder)
    except (MaskGateError, RuntimeError, ValueError) as error:
        result = {"refused": " ".join(str(error).split())}
    (folder / RESULT).write_text(json.dumps(result), encoding="utf-8")


def _follow(folder: Path) -> dict[str, Any]:
    order = json.loads((folder / ORDER).read_text(encoding="utf-8"))
    accelerator = Accelerator(**order["accelerator"])
    loaded = [_load(folder, number, name, accelerator) for number, name in enumerate(order["jobs"])]
    for number, (model, shown) in enumerate(loaded):
        outputs = [np.array(_run(model, one)) for one in shown]
        np.save(folder / OUTPUTS.format(number), model.taken.values(np.stack(outputs)))
    rounds: list[list[float]] = []
    end = time.perf_counter() + (order["budget"] or math.inf)
    for count in range(WARM + order["repeats"]):
        if count >= WARM + LEAST and time.perf_counter() > end:
            break
        rounds.append([_timed(model, shown[count % len(shown)]) for model, shown in loaded])
    seconds = [list(taken) for taken in zip(*rounds[WARM:], strict=True)]
    return {"seconds": seconds or [[] for _ in loaded], "runtime": runtime_name()}


def _load(
    folder: Path, number: int, name: str, accelerator: Accelerator
) -> tuple[Model, NDArray[Any]]:
    """A model, and the numbers that it is shown."""
    inputs = np.load(folder / INPUTS.format(number), mmap_mode="r")
    height, width = inputs.shape[1:3]
    content = (folder / MODEL.format(number)).read_bytes()
    model = open_model(content, name, accelerator, (width, height))
    # Looked up in a table by the device: the time of it is not the model's.
    return model, model.given.numbers(inputs)


def _timed(model: Model, numbers: NDArray[Any]) -> float:
    """Seconds that a run takes."""
    start = time.perf_counter()
    _run(model, numbers)
    return time.perf_counter() - start


def _run(model: Model, numbers: NDArray[Any]) -> NDArray[Any]:
    model.room()[...] = numbers
    return model.run()
