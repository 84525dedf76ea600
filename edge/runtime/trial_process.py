"""The process of a trial: reads an order from a folder, runs the model, leaves the result there."""

import json
import sys
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
"""Runs before the timed ones: the first ones make room and fill caches."""


def main() -> None:
    """Do what the folder given on the command line orders."""
    folder = Path(sys.argv[2])
    try:
        result = _follow(folder)
    except (MaskGateError, RuntimeError, ValueError) as error:
        result = {"refused": " ".join(str(error).split())}
    (folder / RESULT).write_text(json.dumps(result), encoding="utf-8")


def _follow(folder: Path) -> dict[str, Any]:
    order = json.loads((folder / ORDER).read_text(encoding="utf-8"))
    inputs = np.load(folder / INPUTS, mmap_mode="r")
    height, width = inputs.shape[1:3]
    content = (folder / MODEL).read_bytes()
    accelerator = Accelerator(**order["accelerator"])
    model = open_model(content, MODEL, accelerator, (width, height))
    # Looked up in a table by the device: the time of it is not the model's.
    numbers = model.given.numbers(inputs)
    outputs = [np.array(_run(model, one)) for one in numbers]
    np.save(folder / OUTPUTS, model.taken.values(np.stack(outputs)))
    for _ in range(WARM):
        _run(model, numbers[0])
    seconds = []
    for count in range(order["repeats"]):
        begun = time.perf_counter()
        _run(model, numbers[count % len(numbers)])
        seconds.append(time.perf_counter() - begun)
    return {"seconds": seconds, "runtime": runtime_name()}


def _run(model: Model, numbers: NDArray[Any]) -> NDArray[Any]:
    model.room()[...] = numbers
    return model.run()
