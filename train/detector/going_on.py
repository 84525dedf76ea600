"""A net goes on from that of another run, which may be smaller."""

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from edge.errors import MaskGateError


def go_on_from(net: keras.Model, file: Path) -> None:
    """Give a net the weights of another, which may have fewer filters and blocks.

    It says what the other says: what is new is not listened to yet (Chen et al., "Net2Net", 2016),
    and a block that is new begins as if it were not there.

    Args:
        net: untrained; changed.
        file: the other one, whose layers have the same names and are at most as large.

    Raises:
        MaskGateError: it is none, or of another kind, or larger.
    """
    own = {layer.name: layer for layer in net.layers if layer.weights}
    try:
        first = keras.models.load_model(file, compile=False)
        known = {layer.name: layer.get_weights() for layer in first.layers if layer.weights}
        if strange := sorted(known.keys() - own.keys()):
            raise ValueError(f"there is no layer {strange[0]} in this version's")
        for name, weights in known.items():
            fresh = own[name].get_weights()
            own[name].set_weights(
                [_put_in(name, new, old) for new, old in zip(fresh, weights, strict=True)]
            )
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise MaskGateError(
            f"{file}: expected a detector's net to go on from, no larger than this version's; "
            f"{reason}; name another run, or begin without --from"
        ) from error


def _put_in(name: str, fresh: NDArray[np.float32], old: NDArray[np.float32]) -> NDArray[np.float32]:
    """The old numbers first, then the new filters; the old ones do not listen to what is new."""
    if old.ndim != fresh.ndim or any(np.greater(old.shape, fresh.shape)):
        raise ValueError(f"layer {name} is {old.shape}, this version's {fresh.shape}")
    grown: NDArray[np.float32] = fresh.copy()
    grown[..., : old.shape[-1]] = 0
    grown[tuple(slice(size) for size in old.shape)] = old
    return grown
