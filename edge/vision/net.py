"""One net of the detector: a picture in, numbers out."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle import Input
from edge.runtime.model import InvokeClock, Model
from edge.vision.sampling import Picture


class Net:
    """A TFLite model of one picture in and one tensor out, held ready at one picture size."""

    def __init__(self, model: Model, source: Input, clock: InvokeClock) -> None:
        """Take a model that is ready for pictures of one size.

        Args:
            model: float32 input, 1 x height x width x 3.
            source: how the value of a pixel becomes an input value.
            clock: gets the time spent inside the model.
        """
        self._gain, self._shift = 1 / source.scale, -source.offset / source.scale
        self._clock = clock
        self._model = model
        self.outputs = model.taken.shape[-1]
        """Numbers that the net gives of each window."""

    def run(self, picture: Picture) -> NDArray[np.float32]:
        """Run the net on one picture of the net's size.

        Returns:
            A copy of the output tensor, without its first axis (the batch of one).

        Raises:
            RuntimeError: the accelerator fails.
        """
        self._fill(picture)
        return self._clock.run(self._model)

    def _fill(self, picture: Picture) -> None:
        # One pass, four values and more at a time: faster than looking bytes up.
        room = self._model.room()
        cv2.addWeighted(picture, self._gain, picture, 0, self._shift, room, cv2.CV_32F)
