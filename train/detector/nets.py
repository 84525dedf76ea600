"""The cascade's nets in Keras: to be taught, and to run in the device's own cascade meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge.bundle import MODELS, Form, load_bundle
from edge.config import Detector
from edge.runtime.model import Model, Tensor
from edge.vision.cascade import Cascade
from edge.vision.sampling import Picture
from train.models.mtcnn import BUILDERS, package_weights

NETS = ("pnet", "rnet", "onet")
"""In the order in which they see a face, and are taught."""
SOURCE = load_bundle(MODELS / "mtcnn").manifest.input.model_copy(update={"sampling": "quick"})
"""How the nets' inputs are made of pixels; the package's, and kept."""


def stock_net(name: str) -> keras.Model:
    """A net with the weights of the `mtcnn` package, for any batch.

    Raises:
        MaskGateError: the package is missing, another version or altered.
    """
    return BUILDERS[name](package_weights(name), None)


def stock_cascade(thresholds: tuple[float, float, float], min_face: float) -> Cascade:
    """The device's cascade as it was before the training."""
    settings = Detector(min_face=min_face, thresholds=thresholds)
    return Cascade(load_bundle(MODELS / "mtcnn"), settings)


def cascade_of(
    nets: Mapping[str, keras.Model],
    thresholds: tuple[float, float, float],
    min_face: float,
    factor: float | None = None,
) -> Cascade:
    """The device's cascade on nets in training; those that are not given are the package's.

    Args:
        nets: by name.
        thresholds: probabilities that P-Net, R-Net and O-Net must exceed.
        min_face: smallest face looked for, pixels.
        factor: scale from one level of the pyramid to the next; the package's when None.
    """
    settings = Detector(min_face=min_face, thresholds=thresholds, factor=factor)
    every = {name: nets[name] if name in nets else stock_net(name) for name in NETS}
    package = load_bundle(MODELS / "mtcnn")
    taught = package.manifest.model_copy(update={"input": SOURCE})
    return Cascade(replace(package, manifest=taught), settings, _KerasNets(every))


def judge_by(net: keras.Model) -> Callable[[Picture], NDArray[np.float32]]:
    """What a net says of a picture of any size: rows x columns x outputs."""

    def judge(picture: Picture) -> NDArray[np.float32]:
        return np.asarray(net.predict_on_batch(SOURCE.values(picture)[None])[0], np.float32)

    return judge


class _KerasNets:
    """Opens nets in training in the place of a bundle's."""

    form: Form = "dynamic"  # The quantised nets' quick sampling is what the device shows them.

    def __init__(self, nets: Mapping[str, keras.Model]) -> None:
        self._nets = nets

    def open(self, net: str, name: str, size: tuple[int, int] | None = None) -> Model:  # noqa: ARG002
        """Make a net ready for pictures of a size (width, height)."""
        if size is None:
            raise ValueError(f"{net}: the cascade says which size it wants")
        return _KerasModel(self._nets[net], size)


class _KerasModel:
    """A net of one picture in and one tensor out, as the device's models are."""

    def __init__(self, net: keras.Model, size: tuple[int, int]) -> None:
        width, height = size
        self._net = net
        self._room = np.zeros((height, width, 3), np.float32)
        self.given = Tensor((1, *self._room.shape), self._room.dtype)
        self.taken = Tensor((1, *net.output_shape[1:]), self._room.dtype)

    def room(self) -> NDArray[Any]:
        return self._room

    def run(self) -> NDArray[Any]:
        outputs = np.asarray(self._net.predict_on_batch(self._room[np.newaxis]), np.float32)
        return np.squeeze(outputs, axis=0)
