"""One net of the detector: a picture in, numbers out."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle import Input
from edge.errors import MaskGateError
from edge.vision.runtime import InvokeClock, open_model
from edge.vision.sampling import Picture, Size


class Net:
    """A TFLite model of one picture in and one tensor out, held ready at one picture size."""

    def __init__(
        self, content: bytes, name: str, size: Size, source: Input, clock: InvokeClock, threads: int
    ) -> None:
        """Open the model and make room for pictures of one size.

        Args:
            content: the .tflite file; float32 input, 1 x height x width x 3.
            name: what the model is called in an error message.
            size: (width, height) of the pictures.
            source: how the value of a pixel becomes an input value.
            clock: gets the time spent inside the interpreter.
            threads: CPU threads.

        Raises:
            MaskGateError: the runtime refuses the model, or the model takes no such pictures.
        """
        # Looking bytes up is faster than computing with them.
        self._table = ((np.arange(256) - source.offset) / source.scale).astype(np.float32)
        self._gain, self._shift = 1 / source.scale, -source.offset / source.scale
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
        self._tensor = self._interpreter.tensor(self._input)
        self.outputs = int(self._interpreter.get_tensor(self._output).shape[-1])
        """Numbers that the net gives of each window."""

    def run(self, picture: Picture) -> NDArray[np.float32]:
        """Run the net on one picture of the net's size.

        Returns:
            A copy of the output tensor, without its first axis (the batch of one).
        """
        self._fill(picture)
        self._clock.invoke(self._interpreter)
        output: NDArray[np.float32] = self._interpreter.get_tensor(self._output)[0]
        return output

    def _fill(self, picture: Picture) -> None:
        # The runtime refuses to run while a view into its tensors is alive: none is kept.
        tensor = self._tensor()[0]
        if picture.dtype == np.uint8:
            cv2.LUT(picture, self._table, dst=tensor)
        else:
            cv2.addWeighted(picture, self._gain, picture, 0, self._shift, dst=tensor)
