"""The detector's net in Keras: to run in the device's own detector while it is in training."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge.bundle import MODELS, Form, Input, load_bundle
from edge.config import Detector
from edge.finder import detector_in
from edge.runtime.model import Model, Tensor
from edge.runtime.processor import on_cpu
from edge.values import Pixels
from edge.vision.boxes import Rows
from edge.vision.cascade import Cascade
from edge.vision.detectors import SINGLE_SHOT
from edge.vision.single_shot import Showing, SingleShot
from train.models.single_shot import SIDE

NET_FILE = "faces.keras"
"""Of a run."""
SOURCE = Input(
    width=SIDE,
    height=SIDE,
    colour="RGB",
    dtype="float32",
    offset=127.5,
    scale=128.0,
    sampling="quick",
)
"""How the net's inputs are made of pixels."""

KNOWN = 0.9
"""Score from which a detector is believed where nobody labelled a face: of six such finds in photos
held back, five are faces."""
PASSING = 0.6, 0.7
"""The package's thresholds of the cascade's first two stages."""
DOUBT = 0.3
"""How much O-Net's logit counts beside the net's, where it speaks against: of 0.1 to 0.5, on photos
held back, this turns signs down and costs no faces."""
SMALLEST_KNOWN = 14.0
"""Pixels of the smallest face that it looks for then."""


def stock_cascade(thresholds: tuple[float, float, float], min_face: float) -> Cascade:
    """MTCNN as everyone ships it."""
    settings = Detector(kind="mtcnn", min_face=min_face, thresholds=thresholds)
    return Cascade(load_bundle(MODELS / "mtcnn"), settings)


def known_faces() -> Callable[[Pixels], Rows]:
    """Give what finds the faces that MTCNN or the device's own detector is sure of, n x 4.

    The one knows bare faces, the other those behind masks too; some come twice.
    """
    settings = Detector(min_face=SMALLEST_KNOWN, score_threshold=KNOWN)
    detectors = [
        stock_cascade((*PASSING, KNOWN), SMALLEST_KNOWN),
        detector_in(load_bundle(settings.bundle), settings),
    ]

    def find(pixels: Pixels) -> Rows:
        boxes = [face.box for detector in detectors for face in detector.detect(pixels)]
        rows = [[box.left, box.top, box.right, box.bottom] for box in boxes]
        return np.array(rows).reshape(-1, 4)

    return find


def detector_of(net: keras.Model, smallest: float, threshold: float, min_face: float) -> SingleShot:
    """The device's detector on a net in training.

    Args:
        net: see `train.models.single_shot`, for pictures of any side.
        smallest: size at which the net is shown the smallest faces, pixels.
        threshold: probability that a face must exceed.
        min_face: smallest face looked for, pixels of the frame.
    """
    showing = Showing(smallest / min_face, threshold, DOUBT)
    return SingleShot(SOURCE, showing, _NetsInTraining(any_size(net)))


def any_size(net: keras.Model) -> keras.Model:
    """The same net for pictures of any size."""
    config = net.get_config()
    config["layers"][0]["config"]["batch_shape"] = (None, None, None, 3)
    free = keras.Model.from_config(config)
    free.set_weights(net.get_weights())
    return free


class _NetsInTraining:
    """Opens a net in training, and O-Net as it ships, in the place of a bundle's."""

    form: Form = "float32"

    def __init__(self, net: keras.Model) -> None:
        self._net = net
        self._stock = on_cpu(load_bundle(MODELS / "mtcnn"), form=self.form)

    def open(self, net: str, name: str, size: tuple[int, int] | None = None) -> Model:
        """Make a net ready for pictures of a size (width, height)."""
        if net != SINGLE_SHOT:
            return self._stock.open(net, name, size)
        if size is None:
            raise ValueError(f"{net}: the detector says which size it wants")
        return _KerasModel(self._net, size)


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
        # Not predict(): it would compile the net anew for each size of photo.
        outputs = np.asarray(self._net(self._room[np.newaxis], training=False), np.float32)
        return np.squeeze(outputs, axis=0)
