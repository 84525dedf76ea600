"""Networks with ImageNet weights, frozen, that other models are built on.

Any network of keras.applications by its name there, and SqueezeNet. Each takes pixels as they
are: what its own `preprocess_input` does is measured once and built in, by plain layers.
"""

import difflib
import hashlib
import importlib
import socket
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from edge.errors import MaskGateError
from train.models import squeezenet

SIZE = 224
"""Side of the pictures that VGG16 and most others were trained on."""
PATIENCE = 30.0
"""Seconds without a byte after which a download is given up."""
_SQUEEZENET = "SqueezeNet"
_EFFICIENTNET_STDDEV = (0.229, 0.224, 0.225)
"""Of ImageNet's red, green, blue, 0..1; keras.applications.efficientnet.IMAGENET_STDDEV_RGB."""


@dataclass(frozen=True, slots=True, eq=False)
class Backbone:
    """A pretrained network that is not trained, from pixels to features."""

    name: str
    """As keras.applications spells it, or SqueezeNet."""
    core: keras.Model
    """From preprocessed pixels to its last feature map, or to scores if it has its top."""
    preprocessing: keras.layers.Layer | None
    """From RGB 0..255 to what `core` takes; None where `core` takes just that."""
    sha256: str
    """Of its weights."""

    @property
    def size(self) -> int:
        """Side of the pictures that it takes, in pixels."""
        return int(self.core.input_shape[1])

    def pixels(self) -> keras.KerasTensor:
        """Give a Keras input for `features_of`."""
        return keras.Input((self.size, self.size, 3), name="pixels")

    def features_of(self, pixels: keras.KerasTensor, layer: str | None = None) -> keras.KerasTensor:
        """Lead pixels through the network, as it is in use and not in training.

        Args:
            pixels: a Keras input of RGB 0..255, batch x size x size x 3.
            layer: name of the layer to take, e.g. "fc2" of VGG16 with its top; None takes the
                last one. Feature maps are averaged over the picture.

        Returns:
            Batch x features.

        Raises:
            MaskGateError: it has no such layer.
        """
        core = self.core if layer is None else keras.Model(self.core.input, self._output_of(layer))
        x = pixels if self.preprocessing is None else self.preprocessing(pixels)
        # Also while layers of it are fine-tuned, its batch normalisation keeps its statistics.
        x = core(x, training=False)
        return layers.GlobalAveragePooling2D()(x) if len(x.shape) == 4 else x

    def _output_of(self, layer: str) -> keras.KerasTensor:
        names = [one.name for one in self.core.layers]
        if layer not in names:
            near = difflib.get_close_matches(layer, names, n=1) or names[-1:]
            raise MaskGateError(f"backbone {self.name}: no layer {layer}; did you mean {near[0]}?")
        return self.core.get_layer(layer).output


def load_backbone(
    name: str, weights: Path | None = None, size: int = SIZE, *, top: bool = False
) -> Backbone:
    """Build a network and give it its ImageNet weights.

    Args:
        name: one of `backbone_names()`, in any case.
        weights: the file with its weights; None downloads them, or takes them from Keras' cache.
        size: side of the pictures in pixels; with the top, the one it was made for.
        top: whether it ends in the 1,000 classes of ImageNet.

    Raises:
        MaskGateError: a name that is none, a size that does not suit it, weights that can't be
            downloaded or do not fit.
    """
    network = _find(name)
    if weights is None:
        core = _download(network, size, top=top)
    else:
        core = _build(network, size, top=top, weights=None)
        _load_weights(network, core, weights, top=top)
    preprocessing = _adapt(core, _affine(network.preprocess))
    core.trainable = False
    return Backbone(network.name, core, preprocessing, _hash(core))


def backbone_names() -> list[str]:
    """Name the networks that there are."""
    applications = [name for name in dir(keras.applications) if name[0].isupper()]
    return sorted([*applications, _SQUEEZENET], key=str.lower)


@dataclass(frozen=True, slots=True)
class _Network:
    name: str
    build: Callable[..., keras.Model]
    preprocess: Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _find(name: str) -> _Network:
    known = {one.lower(): one for one in backbone_names()}
    if name.lower() not in known:
        near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4)
        hint = ", ".join(known[one] for one in near) or ", ".join(known.values())
        raise MaskGateError(
            f"backbone {name}: expected a network of keras.applications or "
            f"SqueezeNet; did you mean {hint}?"
        )
    name = known[name.lower()]
    if name == _SQUEEZENET:
        return _Network(name, squeezenet.squeezenet, squeezenet.preprocess_input)
    build = getattr(keras.applications, name)
    return _Network(name, build, importlib.import_module(build.__module__).preprocess_input)


def _build(network: _Network, size: int, *, top: bool, weights: str | None) -> keras.Model:
    shape = (size, size, 3)
    try:
        if network.name == _SQUEEZENET:
            return network.build(shape, top=top)
        return network.build(input_shape=shape, include_top=top, weights=weights)
    except ValueError as error:
        raise MaskGateError(
            f"backbone {network.name} for {size}x{size} pixels: {_one_line(error)}"
        ) from error


def _download(network: _Network, size: int, *, top: bool) -> keras.Model:
    if network.name == _SQUEEZENET:
        raise MaskGateError(
            "backbone SqueezeNet: its weights are not downloaded; give "
            "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5 from "
            "github.com/DeepCognition/keras-squeezenet with --weights FILE"
        )
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)  # Keras' download has no limit of its own.
    try:
        return _build(network, size, top=top, weights="imagenet")
    except MaskGateError:
        raise
    except Exception as error:  # Keras raises nothing narrower.
        raise MaskGateError(
            f"backbone {network.name}: its ImageNet weights could not be downloaded "
            f"({_one_line(error)}); fetch that file where there is a network and give it with "
            "--weights FILE"
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def _load_weights(network: _Network, core: keras.Model, file: Path, *, top: bool) -> None:
    if not file.is_file():
        raise MaskGateError(f"weights {file}: no such file; expected those of {network.name}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Before it refuses a file, Keras warns part by part.
            core.load_weights(file)
    # Whatever a file of something else brings up in the readers of HDF5 and of Keras.
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        kind = f"{network.name} {'with' if top else 'without'} its top"
        raise MaskGateError(
            f"weights {file}: expected the .h5 file of {kind}, as keras.applications downloads "
            f"it; {_one_line(error)}"
        ) from error
    if network.build.__module__.endswith(".efficientnet"):
        _divide_once_more(core)


def _divide_once_more(core: keras.Model) -> None:
    """Scale EfficientNet's input as its ImageNet weights want it.

    They were trained on pixels divided by the variance. Keras adds the second division by the
    standard deviation for its own download only (tensorflow issue 49930); here it goes into the
    first convolution, which is the same, for what lies around the picture is zero.
    """
    deviation = np.array(_EFFICIENTNET_STDDEV)[:, np.newaxis]
    _change_first_kernel(core, lambda kernel: kernel / np.sqrt(deviation))


def _affine(
    preprocess: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Find out what a network's own preprocessing does.

    Returns:
        Scale and offset of red, green and blue, and whether it makes BGR of RGB.
    """
    offset = preprocess(np.zeros((1, 1, 3)))[0, 0]
    turned = bool(preprocess(np.array([[[255.0, 0.0, 0.0]]]))[0, 0, 0] == offset[0])
    scaled = preprocess(np.full((1, 1, 3), 255.0))[0, 0]
    scale = np.round((scaled - offset) / 255, 12)  # exactly 1 where nothing is scaled
    return (scale[::-1], offset[::-1], True) if turned else (scale, offset, False)


def _adapt(
    core: keras.Model, affine: tuple[NDArray[np.float64], NDArray[np.float64], bool]
) -> keras.layers.Layer | None:
    """Make the network take RGB, and give the layer that must come before it, if any.

    The colours are not turned round in each picture but, once, in the first convolution.
    """
    scale, offset, turned = affine
    if turned:
        _change_first_kernel(core, lambda kernel: kernel[:, :, ::-1])
    if (scale == 1).all() and (offset == 0).all():
        return None
    return layers.Rescaling(scale.tolist(), offset.tolist(), name="preprocessing")


def _change_first_kernel(
    core: keras.Model, change: Callable[[NDArray[np.float32]], NDArray[Any]]
) -> None:
    """Change the kernel (height x width x 3 x filters) of the convolution that sees colours."""
    first = next(layer for layer in core.layers if isinstance(layer, layers.Conv2D))
    kernel, *rest = first.get_weights()
    first.set_weights([change(kernel), *rest])


def _hash(model: keras.Model) -> str:
    digest = hashlib.sha256()
    for array in model.get_weights():
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
