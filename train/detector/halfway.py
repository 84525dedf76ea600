"""Goes halfway back from what a net has become to what it was."""

from pathlib import Path

import keras
import numpy as np
from keras import layers

from train.detector.from_bundle import Numbers, only_add
from train.detector.going_on import go_on_from
from train.models.single_shot import FILTERS_OF, NORM_OF, single_shot_model


def go_halfway_back(net: keras.Model, first: Path) -> None:
    """Make a net the mean of itself and of the one that it went on from.

    A training on something new forgets a little of what the first net could do; the mean keeps
    most of both (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022). It is that of
    the convolutions as the device has them, each one with its normalisation: of these apart a
    training may scale one up and the other down, which changes nothing but their mean.

    Args:
        net: trained, of `single_shot_model`; changed.
        first: folder of the run, or of the bundle, whose net it went on from.

    Raises:
        MaskGateError: there is none, or one of another kind, or a larger one.
    """
    before = single_shot_model()
    go_on_from(before, first)
    for layer in net.layers:
        if isinstance(layer, layers.BatchNormalization):
            filters = net.get_layer(layer.name.replace(NORM_OF, FILTERS_OF))
            kernels, biases = zip(
                _as_one(filters, layer),
                _as_one(before.get_layer(filters.name), before.get_layer(layer.name)),
                strict=True,
            )
            filters.set_weights([np.mean(kernels, axis=0)])
            only_add(layer, np.mean(biases, axis=0))
        elif layer.weights and not layer.name.endswith(FILTERS_OF):
            pairs = zip(
                layer.get_weights(), before.get_layer(layer.name).get_weights(), strict=True
            )
            layer.set_weights([(own + other) / 2 for own, other in pairs])


def _as_one(filters: keras.Layer, norm: keras.Layer) -> tuple[Numbers, Numbers]:
    """Kernel and bias of a convolution that says what these two say one after the other."""
    (kernel,) = filters.get_weights()
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return kernel * scale, beta - scale * mean
