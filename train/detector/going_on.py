"""A net goes on from that of another run, which may be smaller, or of a bundle."""

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from edge.bundle import load_bundle
from edge.bundle_files import is_bundle
from edge.errors import MaskGateError
from train.detector.from_bundle import take_from_bundle
from train.detector.nets import NET_FILE

FEW = 8
"""Pictures that a net looks at at once."""


def go_on_from(net: keras.Model, first: Path) -> None:
    """Give a net the weights of another, so that it says what that one says.

    That of a run may have fewer filters and blocks: what is new is not listened to yet (Chen et
    al., "Net2Net", 2016), and a block that is new begins as if it were not there.

    Args:
        net: untrained; changed.
        first: folder of a run, or of a bundle.

    Raises:
        MaskGateError: there is none, or one of another kind, or a larger one.
    """
    if is_bundle(first):
        take_from_bundle(net, load_bundle(first))
    else:
        _take_from_file(net, first / NET_FILE)


def settle(net: keras.Model, pictures: NDArray[np.float32]) -> None:
    """Let a net expect what its training will show it; what it says stays the same.

    A training normalises by the mean and variance of its own batches: where these are not those
    that the weights were made for, and a bundle tells nothing of them, much would be forgotten
    with the first steps.

    Args:
        net: changed.
        pictures: n x side x side x 3, as the training shows them; some dozens.
    """
    norms = [layer for layer in net.layers if isinstance(layer, layers.BatchNormalization)]
    moments = [ops.moments(norm.input, axes=(1, 2)) for norm in norms]
    given = keras.Model(net.input, moments)
    # A few at once: all that the layers of some dozens say is half a gigabyte. Not predict(), which
    # would compile the net for this alone.
    few = range(0, len(pictures), FEW)
    said = [given(pictures[first : first + FEW], training=False) for first in few]
    for norm, of_norm in zip(norms, zip(*said, strict=True), strict=True):
        means, variances = (np.concatenate(moment) for moment in zip(*of_norm, strict=True))
        gamma, beta, mean, variance = norm.get_weights()
        met, spread = means.mean(axis=0), variances.mean(axis=0) + means.var(axis=0)
        scale = gamma / np.sqrt(variance + norm.epsilon)
        gamma, beta = scale * np.sqrt(spread + norm.epsilon), beta + scale * (met - mean)
        norm.set_weights([gamma, beta, met, spread])


def _take_from_file(net: keras.Model, file: Path) -> None:
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
