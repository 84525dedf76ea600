"""What a GPU makes of a classifier: compiled for it, run on it, and compared with the CPU."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from convert.tflite import to_tflite
from edge.bundle import Form
from edge.runtime.accelerator import CPU, Accelerator
from edge.runtime.trial import TrialError, try_model

ON_GPU = 16
"""Faces that the GPU's answers are compared on: a software GPU is slow."""
GPU_TOLERANCE = 0.01
"""Largest difference of a probability between GPU and CPU: GPUs may compute in 16 bits."""
STARTING, A_RUN = 60.0, 3.0
"""Seconds that a trial may take to start, and for each run."""

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Refused:
    """A form that a runtime or the GPU would not run."""

    form: Form
    runtime: str
    reason: str
    unsupported: tuple[str, ...] = ()
    """The operations that the GPU leaves to the CPU."""


@dataclass(frozen=True, slots=True)
class OnGpu:
    """A form that runs on the GPU as a whole."""

    form: Form
    largest: float
    """Difference of a probability from the CPU's, the largest."""

    @property
    def agrees(self) -> bool:
        """Whether the GPU says what the CPU says."""
        return self.largest <= GPU_TOLERANCE


def try_gpu(
    contents: Mapping[Form, bytes], pictures: NDArray[np.uint8], report: Report
) -> tuple[OnGpu | Refused | None, list[str]]:
    """Compile the float16 form for the GPU; no analyzer can tell, but a compilation does.

    Args:
        contents: the .tflite file of each form.
        pictures: faces x height x width x 3, RGB; the first of them are shown to both.
        report: gets a line.

    Returns:
        What came of it, None where there is no float16 or no GPU; and what was not verified.
    """
    if "float16" not in contents:
        return None, []
    inputs = pictures[:ON_GPU].astype(np.float32)
    gpu, limit = Accelerator("gpu"), STARTING + A_RUN * len(inputs)
    try:
        on_gpu, on_cpu = (
            try_model(contents["float16"], there, inputs, repeats=1, limit=limit)
            for there in (gpu, CPU)
        )
    except TrialError as error:
        if not error.unsupported and not _is_there(inputs.shape[1:], limit):
            missing = "GPU: not verified; no GPU with a Vulkan driver was found"
            report(missing)
            return None, [missing]
        report(f"float16 on the GPU: {error}")
        return Refused("float16", "GPU", str(error), error.unsupported), []
    found = OnGpu("float16", float(np.abs(on_gpu.outputs - on_cpu.outputs).max()))
    report(f"float16 on the GPU: all of it runs there, difference {found.largest:.1g}")
    return found, []


def _is_there(shape: Sequence[int], limit: float) -> bool:
    """Whether there is a GPU at all: one that runs the simplest of models."""
    pictures = keras.Input(batch_shape=(1, *shape))
    simplest = keras.Model(pictures, keras.layers.Conv2D(1, 1)(pictures))
    blank = np.zeros((1, *shape), np.float32)
    try:
        content = to_tflite(simplest, "float16")
        try_model(content, Accelerator("gpu"), blank, repeats=1, limit=limit)
    except TrialError:
        return False
    return True


def gpu_summary(gpu: OnGpu | Refused | None) -> dict[str, Any] | None:
    """Put what was found into numbers for a manifest; None where there is no GPU."""
    if isinstance(gpu, OnGpu):
        return {"form": gpu.form, "whole": True, "largest_difference": round(gpu.largest, 5)}
    if gpu is not None:
        return {"form": gpu.form, "whole": False, "left_to_the_cpu": list(gpu.unsupported)}
    return None
