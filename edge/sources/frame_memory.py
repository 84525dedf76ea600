"""The memory through which a camera's pictures come from the process that reads it.

It holds one picture. The reader writes when it is asked for a picture, the other side asks when it
has taken the one before, so neither ever sees half of one.
"""

import mmap
import os

import numpy as np

from edge.values import Pixels

MOST_BYTES = 8192 * 4320 * 3
"""The largest picture that is taken of a camera; memory is only used as far as it is written."""


def new_memory() -> int:
    """Make the memory; a file descriptor that another process can be given."""
    memory = os.memfd_create("maskgate-frame")
    os.ftruncate(memory, MOST_BYTES)
    return memory


class FrameMemory:
    """One side's view of the memory."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._map: mmap.mmap | None = None

    def write(self, pixels: Pixels) -> None:
        """Put a picture in.

        Args:
            pixels: RGB uint8, height x width x 3, at most MOST_BYTES.
        """
        self._view(*pixels.shape[:2])[...] = pixels

    def read(self, height: int, width: int) -> Pixels:
        """Take a copy of the picture that is in it, of this size.

        Raises:
            ValueError: there can be no such picture.
        """
        pixels: Pixels = self._view(height, width).copy()
        return pixels

    def close(self) -> None:
        """Give the memory back, on this side."""
        if self._map is not None:
            self._map.close()
        os.close(self._memory)

    def _view(self, height: int, width: int) -> Pixels:
        size = height * width * 3
        if not (height > 0 and width > 0 and size <= MOST_BYTES):
            raise ValueError(f"no picture has {width} x {height} pixels")
        if self._map is None or len(self._map) < size:
            self._map = mmap.mmap(self._memory, size)
        pixels: Pixels = np.ndarray((height, width, 3), np.uint8, self._map)
        return pixels
