"""A TFLite model of one picture in and one tensor out, on whatever it runs on."""

import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.errors import MaskGateError
from edge.runtime.accelerator import CPU, Accelerator
from edge.runtime.interpreter import open_interpreter


@dataclass(frozen=True, slots=True)
class Tensor:
    """What goes into a model or comes out of it: real value = (number - zero) * scale."""

    shape: tuple[int, ...]
    """With the batch's axis, which is 1."""
    dtype: np.dtype[Any]
    scale: float = 0.0
    """0 where the numbers are the real values."""
    zero: int = 0

    def numbers(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """Turn real values into the tensor's numbers, the nearest that it has."""
        if not self.scale:
            return values.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        rounded = np.round(values / self.scale + self.zero)
        return np.asarray(np.clip(rounded, limits.min, limits.max), self.dtype)

    def values(self, numbers: NDArray[Any]) -> NDArray[np.float32]:
        """Turn the tensor's numbers into real values."""
        real = np.asarray(numbers, np.float32)
        return (real - self.zero) * np.float32(self.scale) if self.scale else real


class Model(Protocol):
    """A model that is ready to run; time passes only in `run`."""

    given: Tensor
    taken: Tensor

    def room(self) -> NDArray[Any]:
        """Give the input tensor, without the batch's axis, to be filled before each run.

        No reference to it may be kept: the runtime refuses to run while there is one.
        """
        ...

    def run(self) -> NDArray[Any]:
        """Run the model; give a copy of the output tensor, without the batch's axis.

        Raises:
            RuntimeError: the accelerator fails.
        """
        ...


class InvokeClock:
    """Adds up the time spent inside models, for the benchmark and the health report."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """Since the start of the process; differences mean something."""

    def run(self, model: Model) -> NDArray[Any]:
        """Run a model whose input is filled."""
        start = time.perf_counter()
        output = model.run()
        self.seconds += time.perf_counter() - start
        return output


def open_model(
    content: bytes,
    name: str,
    accelerator: Accelerator = CPU,
    size: tuple[int, int] | None = None,
) -> Model:
    """Make a model ready to run.

    Args:
        content: the .tflite file.
        name: what the model is called in an error message.
        accelerator: what it shall run on.
        size: (width, height) of the pictures; the model's own when None.

    Raises:
        MaskGateError: the content is no model, the accelerator is not there or cannot run all of
            it, or the model takes no pictures of that size.
    """
    if accelerator.kind == "gpu":
        from edge.runtime.gpu import GpuModel

        return GpuModel(content, name, size)
    return _InterpreterModel(content, name, accelerator, size)


class _InterpreterModel:
    """On the CPU, or on a delegate with the CPU for what that leaves."""

    def __init__(
        self, content: bytes, name: str, accelerator: Accelerator, size: tuple[int, int] | None
    ) -> None:
        net = open_interpreter(content, name, accelerator.threads, accelerator.library or None)
        try:
            (given,), (taken,) = net.get_input_details(), net.get_output_details()
            wanted = (1, size[1], size[0], 3) if size else tuple(given["shape"])
            # Resized to what it is, a model with a Flatten no longer knows its output's shape.
            if tuple(given["shape"]) != wanted:
                net.resize_tensor_input(given["index"], wanted)
            net.allocate_tensors()
            self.given = _tensor(net, given["index"], net.get_input_details())
            self.taken = _tensor(net, taken["index"], net.get_output_details())
        except (ValueError, RuntimeError) as error:
            shown = f"{size[0]}x{size[1]} pictures" if size else "one picture in, one tensor out"
            raise MaskGateError(
                f"model {name}: expected one that takes {shown} on {accelerator} "
                f"({' '.join(str(error).split())})"
            ) from error
        self._invoke, self._get_tensor = net.invoke, net.get_tensor
        self._output = taken["index"]
        self._room = net.tensor(given["index"])

    def room(self) -> NDArray[Any]:
        room: NDArray[Any] = self._room()[0]
        return room

    def run(self) -> NDArray[Any]:
        self._invoke()
        output: NDArray[Any] = self._get_tensor(self._output)[0]
        return output


def _tensor(net: Any, index: int, details: list[dict[str, Any]]) -> Tensor:
    (found,) = (detail for detail in details if detail["index"] == index)
    scale, zero = found["quantization"]
    # By its content, for details of shapes are not brought up to date in every runtime.
    shape = net.get_tensor(index).shape
    return Tensor(tuple(int(side) for side in shape), np.dtype(found["dtype"]), scale, zero)
