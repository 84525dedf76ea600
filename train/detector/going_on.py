"""A net goes on from another one's weights, also from those of a smaller net."""

import keras
import numpy as np
from numpy.typing import NDArray

from edge.errors import MaskGateError


def go_on_from(net: keras.Model, first: keras.Model) -> None:
    """Give a net the weights of another, which may have fewer filters and blocks.

    It says what the other says: what is new is not listened to yet (Chen et al., "Net2Net", 2016),
    and a block that is new begins as if it were not there.

    Args:
        net: untrained; changed.
        first: whose layers have the same names, each at most as large.

    Raises:
        MaskGateError: the other net is of another kind, or larger.
    """
    known = {layer.name: layer.get_weights() for layer in first.layers if layer.weights}
    own = {layer.name: layer for layer in net.layers if layer.weights}
    if strange := known.keys() - own.keys():
        raise MaskGateError(
            f"the net to go on from: expected the layers of this one, found {sorted(strange)[0]}; "
            "train from the beginning"
        )
    for name, weights in known.items():
        fresh = own[name].get_weights()
        own[name].set_weights(
            [_put_in(name, new, old) for new, old in zip(fresh, weights, strict=True)]
        )


def _put_in(name: str, fresh: NDArray[np.float32], old: NDArray[np.float32]) -> NDArray[np.float32]:
    """The old numbers first, then the new filters; the old ones do not listen to what is new."""
    if old.ndim != fresh.ndim or any(np.greater(old.shape, fresh.shape)):
        raise MaskGateError(
            f"the net to go on from: {name} is {old.shape}, expected {fresh.shape} or less; train "
            "from the beginning"
        )
    grown = fresh.copy()
    grown[..., : old.shape[-1]] = 0
    grown[tuple(slice(size) for size in old.shape)] = old
    return grown
