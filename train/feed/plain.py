"""Feeds faces as the device cuts them, and other rows that are ready made."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from train.data.patches import Patch
from train.feed.faces import device_cuts, targets
from train.feed.feed import WHOLE, Batch, Order, Share


class PlainFaces:
    """Faces cut as the device does, nothing else done to them; cut anew for each batch.

    The patches may lie in a memory-mapped file: no more than a few batches are in memory.
    """

    def __init__(
        self,
        patches: Sequence[Patch],
        size: int,
        margin: float,
        batch: int,
        seed: int | None = None,
    ) -> None:
        """Feed some faces.

        Args:
            patches: the faces, one row each.
            size: side of the cuts in pixels.
            margin: what the device's cut adds around the box, see `cut_face`.
            batch: faces in a batch; the last one of an epoch may have fewer.
            seed: of the order, another one in each epoch; None: as they are, for a validation.
        """
        self._patches, self._size, self._margin = patches, size, margin
        self._order = Order(len(patches), batch, seed)
        self.steps = self._order.steps

    def batch(self, epoch: int, step: int, share: Share = WHOLE) -> Batch:
        """Cut the faces of a batch (rows x size x size x 3, RGB uint8)."""
        picked = [self._patches[row] for row in self._order.batch(epoch, step, share)]
        return device_cuts(picked, self._size, self._margin), targets(picked)


class PlainRows:
    """Rows of arrays, such as the features of faces."""

    def __init__(
        self, inputs: NDArray[Any], wanted: NDArray[Any], batch: int, seed: int | None = None
    ) -> None:
        """Feed some rows.

        Args:
            inputs: rows x anything; may be memory-mapped.
            wanted: rows x 1, what to learn, see `targets`.
            batch: rows in a batch; the last one of an epoch may have fewer.
            seed: of the order, another one in each epoch; None: as they are, for a validation.
        """
        self._inputs, self._wanted = inputs, wanted
        self._order = Order(len(inputs), batch, seed)
        self.steps = self._order.steps

    def batch(self, epoch: int, step: int, share: Share = WHOLE) -> Batch:
        """Give the rows of a batch."""
        rows = self._order.batch(epoch, step, share)
        return self._inputs[rows], self._wanted[rows]
