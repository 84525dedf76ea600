"""A model on the GPU, by LiteRT's CompiledModel; only if all of it runs there."""

import re
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import MaskGateError
from edge.runtime.model import Tensor
from edge.runtime.quiet import quiet

_CAUSE = re.compile(r"ERROR: (?:\[[^]]*\] )?(.+[^:])")
"""How LiteRT says on standard error what its exception does not; a title ends in a colon."""
_PLACE = re.compile(r"(?:ERROR: )?\[[^]]*\](?: └)? *")
"""A line of LiteRT's source, of which its exceptions are full."""


class GpuModel:
    """A float model whose every operation runs on the GPU."""

    def __init__(self, content: bytes, name: str, size: tuple[int, int] | None) -> None:
        """Compile a model and run it once, which compiles the rest.

        Args:
            content: the .tflite file; float32 in and out, as all forms but uint8's are.
            name: what the model is called in an error message.
            size: (width, height) of the pictures; the model's own when None.

        Raises:
            MaskGateError: the runtime has no GPU accelerator, there is no GPU, or an operation of
                the model does not run there.
        """
        said: list[str] = []
        try:
            with quiet() as said:
                whole = self._open(content, size)
        except ImportError as error:
            raise MaskGateError(
                f"model {name}: expected ai-edge-litert 2.1 or later, which knows GPUs ({error})"
            ) from error
        except (ValueError, RuntimeError) as error:
            causes = [cause[1] for line in said if (cause := _CAUSE.fullmatch(line))]
            shown = " ".join((causes or [_PLACE.sub("", str(error))])[0].split())
            raise MaskGateError(f"model {name}: it does not compile for a GPU ({shown})") from error
        if not whole:
            raise MaskGateError(f"model {name}: not all of it runs on the GPU")

    def room(self) -> NDArray[Any]:
        """Give what is copied to the GPU at the next run."""
        room: NDArray[Any] = self._given[0]
        return room

    def run(self) -> NDArray[Any]:
        """Run on the GPU and wait for what comes out.

        Raises:
            RuntimeError: the GPU fails.
        """
        self._inputs[0].write(self._given)
        self._model.run_by_index(0, self._inputs, self._outputs)
        output = self._outputs[0].read(self._count, self.taken.dtype.type)
        numbers: NDArray[Any] = np.asarray(output).reshape(self.taken.shape)[0]
        return numbers

    def _open(self, content: bytes, size: tuple[int, int] | None) -> bool:
        """Make everything ready; tell whether all of it runs on the GPU."""
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator

        self._model = CompiledModel.from_buffer(
            content, hardware_accel=HardwareAccelerator.GPU, environment=_environment()
        )
        self.given, self.taken = self._tensors()
        if size is not None and self.given.shape[1:3] != size[::-1]:
            self._model.resize_input_tensor(0, [1, size[1], size[0], 3], strict=False)
            self.given, self.taken = self._tensors()
        self._inputs = self._model.create_input_buffers(0)
        self._outputs = self._model.create_output_buffers(0)
        self._given = np.zeros(self.given.shape, self.given.dtype)
        self._count = int(np.prod(self.taken.shape))
        # Asked last: a resized model goes back to the CPU until it has its buffers.
        whole = bool(self._model.is_fully_accelerated())
        if whole:
            self.run()
        return whole

    def _tensors(self) -> tuple[Tensor, Tensor]:
        (signature,) = self._model.get_signature_list()
        (given,) = self._model.get_input_tensor_details(signature).values()
        (taken,) = self._model.get_output_tensor_details(signature).values()
        for tensor in (given, taken):
            if tensor["dtype"] != "float32":
                raise ValueError(f"expected float32 in and out, found {tensor['dtype']}")
        return tuple(  # type: ignore[return-value]
            Tensor(tuple(tensor["shape"]), np.dtype(np.float32)) for tensor in (given, taken)
        )


@cache
def _environment() -> Any:
    """What all models of the process share: the GPU's device and queue."""
    from ai_edge_litert.environment import Environment

    return Environment.create()
