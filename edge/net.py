"""One net of the detector: bytes of a picture in, numbers out."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import MaskGateError
from edge.runtime import InvokeClock, open_model
from edge.values import Pixels

Table = NDArray[np.float32]
"""The model's input value for each of the 256 values of a pixel."""


def normalising_table(offset: float, scale: float) -> Table:
    """The table of (pixel - offset) / scale; looking up is faster than computing."""
    return ((np.arange(256) - offset) / scale).astype(np.float32)


class Net:
    """A TFLite model of one picture in and one tensor out, held ready at one picture size."""

    def __init__(
        self,
        content: bytes,
        name: str,
        size: tuple[int, int],
        table: Table,
        clock: InvokeClock,
        threads: int,
    ) -> None:
        """Open the model and make room for pictures of one size.

        Args:
            content: the .tflite file; float32 input, 1 x height x width x 3.
            name: what the model is called in an error message.
            size: (width, height) of the pictures.
            table: what each pixel value becomes.
            clock: gets the time spent inside the interpreter.
            threads: CPU threads.

        Raises:
            MaskGateError: the runtime refuses the model, or the model does not take such pictures.
        """
        self._table = table
        self._clock = clock
        self._interpreter = open_model(content, name, threads)
        width, height = size
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        try:
            self._interpreter.resize_tensor_input(self._input, [1, height, width, 3])
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise MaskGateError(
                f"model {name}: it takes no picture of {width}x{height} ({error})"
            ) from error

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        """Run the net on one picture of the net's size.

        Returns:
            A copy of the output tensor, without its first axis (the batch of one).
        """
        # The view into the tensor must be gone before invoke, so it is not kept.
        cv2.LUT(pixels, self._table, dst=self._interpreter.tensor(self._input)()[0])
        self._clock.invoke(self._interpreter)
        return np.asarray(self._interpreter.get_tensor(self._output)[0], np.float32)
