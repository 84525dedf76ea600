"""A net takes over that of a device's bundle, whose training nobody needs to have kept."""

import re
from collections.abc import Mapping

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from edge.bundle import Bundle
from edge.errors import MaskGateError
from edge.runtime.interpreter import open_interpreter
from edge.vision.detectors import SINGLE_SHOT
from train.models.single_shot import FILTERS_OF, NORM_OF, without_landmarks

Numbers = NDArray[np.float32]


def take_from_bundle(net: keras.Model, bundle: Bundle) -> None:
    """Give a net the weights of a bundle's, so that it says the same of faces and their boxes.

    In the bundle each batch normalisation is one with its convolution: here it only adds what is
    left of it, the bias. Landmarks are not in the bundle: they begin with nothing.

    Args:
        net: untrained, of `single_shot_model`; changed.
        bundle: of a detector that `maskgate-convert detector` made, with a net of the same size.

    Raises:
        MaskGateError: it has no float32 form, or is of another kind or size of net.
    """
    kernels, biases = _constants(bundle)
    for layer in without_landmarks(net).layers:
        if not isinstance(layer, layers.Conv2D):
            continue
        last = layer.name.replace(FILTERS_OF, NORM_OF)
        kernel, bias = kernels.get(layer.name), biases.get(last)
        if kernel is None or bias is None or kernel.shape != tuple(layer.kernel.shape):
            found = "none" if kernel is None or bias is None else kernel.shape
            raise MaskGateError(
                f"bundle {bundle.path}: expected a detector's net of this version's size to go on "
                f"from, with {layer.name} of {tuple(layer.kernel.shape)}, found {found}; name "
                "another, or begin without --from"
            )
        if layer.use_bias:
            layer.set_weights([kernel, bias])
        else:
            layer.set_weights([kernel])
            only_add(net.get_layer(last), bias)


def only_add(norm: keras.Layer, bias: Numbers) -> None:
    """Leave a batch normalisation nothing to do but to add a bias.

    Args:
        norm: changed.
        bias: one number for each filter.
    """
    nothing, one = np.zeros_like(bias), np.ones_like(bias)
    norm.set_weights([one, bias, nothing, one - norm.epsilon])


def _constants(bundle: Bundle) -> tuple[Mapping[str, Numbers], Mapping[str, Numbers]]:
    """Kernels (height x width x in x out) and biases in the float32 form, by their layers' names.

    What is in the file is named after the layers that it was made of, a bias after all those that
    it sums up.
    """
    interpreter = open_interpreter(bundle.model(SINGLE_SHOT, "float32"), SINGLE_SHOT)
    interpreter.allocate_tensors()
    kernels: dict[str, Numbers] = {}
    biases: dict[str, Numbers] = {}
    for tensor in interpreter.get_tensor_details():
        names = [re.sub(r"_\d+$", "", name) for name in re.split("[;/]", tensor["name"])]
        dimensions = len(tensor["shape"])
        if dimensions == 4 and names[-1] == "convolution" and ";" not in tensor["name"]:
            kernels[names[-2]] = interpreter.get_tensor(tensor["index"]).transpose(1, 2, 3, 0)
        if dimensions == 1:
            biases |= dict.fromkeys(names, interpreter.get_tensor(tensor["index"]))
    return kernels, biases
