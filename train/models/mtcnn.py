"""The face detector's nets, from the weights of the Python package `mtcnn` 1.0.0.

The nets are those of Zhang et al., "Joint Face Detection and Alignment using Multitask Cascaded
Convolutional Networks", 2016, built so that TFLite runs them well: every layer a convolution (so
that R-Net and O-Net take batches too), and one output tensor instead of two or three. The two
softmax scores become one logit, their difference: the sigmoid of it is the face's probability.
"""

import hashlib
import io
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import joblib
import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from edge.errors import MaskGateError

PACKAGE, VERSION = "mtcnn", "1.0.0"
WEIGHTS_SHA256 = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
"""Of the files in mtcnn-1.0.0's wheel. They are pickles, which run code when read: these don't."""
OFFSET, SCALE = 127.5, 128.0
"""The package's normalising: (pixel - 127.5) / 128."""

Weights = list[NDArray[np.float32]]


def package_weights(name: str) -> Weights:
    """The weight arrays of a net, read from the installed package's own folder.

    The package's loader would rather unpickle a file of that name in the working directory.

    Args:
        name: "pnet", "rnet" or "onet".

    Raises:
        MaskGateError: the package is missing, another version or altered.
    """
    wanted = f"pip install {PACKAGE}=={VERSION}"
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        raise MaskGateError(f"the package {PACKAGE} is not installed; run '{wanted}'") from None
    if package.version != VERSION:
        raise MaskGateError(
            f"package {PACKAGE}: expected version {VERSION}, found {package.version}; "
            f"run '{wanted}'"
        )
    path = Path(str(package.locate_file(f"mtcnn/assets/weights/{name}.lz4"))).resolve()
    return read_weights(path, WEIGHTS_SHA256[name])


def read_weights(path: Path, sha256: str) -> Weights:
    """Unpickle a weights file whose content is known.

    Raises:
        MaskGateError: the file is missing or has another content.
    """
    reinstall = f"run 'pip install --force-reinstall {PACKAGE}=={VERSION}'"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MaskGateError(f"weights file {path}: {error.strerror}; {reinstall}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise MaskGateError(
            f"weights file {path}: its SHA-256 is not that of {PACKAGE} {VERSION}, so it is not "
            f"read; {reinstall}"
        )
    weights: Weights = joblib.load(io.BytesIO(content))
    return weights


def build_pnet(weights: Weights, batch: int | None = 1) -> keras.Model:
    """P-Net: a picture of any size to offsets (4) and logit of each 12-pixel window.

    With a batch of None it takes pictures of any size; what is converted needs one.
    """
    (kernel1, bias1, slope1, kernel2, bias2, slope2, kernel3, bias3, slope3, *heads) = weights
    side = None if batch is None else 48
    picture = keras.Input(batch_shape=(batch, side, side, 3))
    x = _block(picture, kernel1, bias1, slope1)
    x = layers.MaxPooling2D(2, 2, padding="same")(x)
    x = _block(x, kernel2, bias2, slope2)
    x = _block(x, kernel3, bias3, slope3)
    return keras.Model(picture, _head(x, heads), name="pnet")


def build_rnet(weights: Weights, batch: int | None = 1) -> keras.Model:
    """R-Net: 24x24 pictures to offsets (4) and logit."""
    picture = keras.Input(batch_shape=(batch, 24, 24, 3))
    x = _block(picture, *weights[0:3])
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    x = _block(x, *weights[3:6])
    x = layers.MaxPooling2D(3, 2)(x)
    x = _block(x, *weights[6:9])
    x = _block(x, _as_kernel(weights[9], x.shape), *weights[10:12])
    return keras.Model(picture, _head(x, weights[12:]), name="rnet")


def build_onet(weights: Weights, batch: int | None = 1) -> keras.Model:
    """O-Net: 48x48 pictures to offsets (4), landmarks (5 x, then 5 y) and logit."""
    picture = keras.Input(batch_shape=(batch, 48, 48, 3))
    x = _block(picture, *weights[0:3])
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    x = _block(x, *weights[3:6])
    x = layers.MaxPooling2D(3, 2)(x)
    x = _block(x, *weights[6:9])
    x = layers.MaxPooling2D(2, 2, padding="same")(x)
    x = _block(x, *weights[9:12])
    x = _block(x, _as_kernel(weights[12], x.shape), *weights[13:15])
    return keras.Model(picture, _head(x, weights[15:]), name="onet")


BUILDERS = {"pnet": build_pnet, "rnet": build_rnet, "onet": build_onet}


def _convolution(x: Any, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> Any:
    layer = layers.Conv2D(kernel.shape[3], kernel.shape[:2])
    y = layer(x)
    layer.set_weights([kernel, bias])
    return y


def _block(
    x: Any, kernel: NDArray[np.float32], bias: NDArray[np.float32], slope: NDArray[np.float32]
) -> Any:
    """A convolution and its PReLU."""
    layer = layers.PReLU(shared_axes=[1, 2])
    y = layer(_convolution(x, kernel, bias))
    layer.set_weights([slope.reshape(1, 1, -1)])
    return y


def _as_kernel(dense: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A dense layer on a flattened map as a convolution over the whole map.

    The package swaps the map's axes before flattening: its rows are ordered by column, row,
    channel.
    """
    _, height, width, channels = shape
    kernel: NDArray[np.float32] = dense.reshape(width, height, channels, -1).swapaxes(0, 1)
    return kernel


def _head(x: Any, parts: Weights) -> Any:
    """All outputs in one 1x1 convolution; the last pair of weights is the softmax's."""
    kernels = [kernel.reshape(-1, kernel.shape[-1]) for kernel in parts[0::2]]
    biases = parts[1::2]
    # softmax(a, b) gives the face sigmoid(b - a).
    kernels[-1] = kernels[-1][:, 1:] - kernels[-1][:, :1]
    biases[-1] = biases[-1][1:] - biases[-1][:1]
    kernel = np.concatenate(kernels, axis=1)
    return _convolution(x, kernel[None, None], np.concatenate(biases))
