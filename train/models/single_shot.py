"""The single-shot face detector: a small residual net, its coarse levels added to its fine ones.

Plain convolutions, for the runtime's kernels are at their best with them, and each block squeezes
its channels (He et al., 2016). What is seen from afar is added to what is seen close up (Lin et
al., "Feature Pyramid Networks", 2017). Only operations that a TFLite model can be resized with:
depth to space in place of an enlargement, space to depth to have one tensor of all levels.
"""

from collections.abc import Sequence

import keras
from keras import layers, ops

from edge.vision.cells import BLOCK, STRIDES

SIDE = 256
"""Of the pictures that it is trained on, pixels."""
FILTERS = 16, 24, 48, 96, 160
"""At each halving."""
BLOCKS = 1, 3, 5, 3
"""Residual blocks at a quarter, an eighth, a sixteenth and a thirty-second of the size."""
LEVELS = "quarter", "eighth", "sixteenth", "thirtysecond"
"""Their names; layers are named, so that a net can go on from a smaller one."""
FILTERS_OF, NORM_OF = "_filters", "_normed"
"""Ends of the names of a convolution and of its batch normalisation."""
SEEN = "fine", "middle", "coarse"
"""Names of what cells of each of STRIDES see."""
JOINED = 48
"""Filters of what is added up and judged."""
BOX, LANDMARKS = 4, 10
"""Numbers that a cell says of a face's box, and of its landmarks from the cell's middle: x and y of
left eye, right eye, nose, left and right end of the mouth. The device reads the former only."""
NUMBERS = BOX + LANDMARKS + 1
"""All that a cell says; the logit of a face is the last."""
REACH = 2.0
"""Cells that a landmark's 1 is."""
SCARCE = -4.6
"""Logit that cells begin with: one in a hundred sees a face."""


def single_shot_model(side: int | None = SIDE) -> keras.Model:
    """Build the untrained net.

    Args:
        side: of the pictures, a multiple of a block's; None: pictures of any such width and height.

    Returns:
        A model from float32 pictures (batch x side x side x 3, RGB, about -1..1) to what
        `edge.vision.cells` describes (batch x blocks x blocks x numbers of a block).
    """
    picture = keras.Input((side, side, 3), name="picture")
    x = _convolution(picture, FILTERS[0], "half", stride=2)
    levels = []
    for level, filters, blocks in zip(LEVELS, FILTERS[1:], BLOCKS, strict=True):
        x = _convolution(x, filters, level, stride=2)
        for block in range(blocks):
            x = _residual(x, filters, f"{level}_{block}")
        levels.append(x)
    fine, middle, coarse = levels[1:]
    coarse = _convolution(coarse, JOINED, "coarse", size=1)
    middle = _joined(middle, coarse, "middle")
    fine = _joined(fine, middle, "fine")
    said = [_said(seen, name) for seen, name in zip((fine, middle, coarse), SEEN, strict=True)]
    return keras.Model(picture, _in_blocks(said), name="single_shot")


def without_landmarks(net: keras.Model) -> keras.Model:
    """The same net as the device runs it: O-Net tells the landmarks, at no cost, as it looks again.

    Args:
        net: of `single_shot_model`.

    Raises:
        ValueError: it is another one.
    """
    kept = [
        [net.get_layer(f"{level}_{what}").output for what in ("box", "score")] for level in SEEN
    ]
    said = [layers.Concatenate(dtype="float32")(numbers) for numbers in kept]
    return keras.Model(net.input, _in_blocks(said), name="single_shot")


def _in_blocks(said: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """What the cells of each of STRIDES say, in one tensor of blocks."""
    folded = [
        _Folded(BLOCK // stride)(numbers) for numbers, stride in zip(said, STRIDES, strict=True)
    ]
    return layers.Concatenate(name="faces")(folded)


def _convolution(
    x: keras.KerasTensor, filters: int, name: str, stride: int = 1, size: int = 3
) -> keras.KerasTensor:
    return layers.ReLU()(_normed(x, filters, name, stride, size))


def _normed(
    x: keras.KerasTensor,
    filters: int,
    name: str,
    stride: int = 1,
    size: int = 3,
    gamma: str = "ones",
) -> keras.KerasTensor:
    x = layers.Conv2D(
        filters, size, strides=stride, padding="same", use_bias=False, name=f"{name}{FILTERS_OF}"
    )(x)
    return layers.BatchNormalization(
        momentum=0.97, gamma_initializer=gamma, name=f"{name}{NORM_OF}"
    )(x)


def _residual(x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
    y = _convolution(x, filters // 2, f"{name}_squeezed", size=1)
    # Begins as if it were not there (Goyal et al., 2017).
    y = _normed(y, filters, f"{name}_added", gamma="zeros")
    return layers.ReLU()(layers.Add()([x, y]))


def _joined(fine: keras.KerasTensor, coarse: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Add a coarse level, each of its cells four times, to a fine one."""
    own = _normed(fine, JOINED, name, size=1)
    return layers.ReLU()(layers.Add()([own, _Doubled()(coarse)]))


def _said(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = _convolution(x, JOINED, f"{name}_seen")
    # Where an eye is asks for a closer look than where a face is.
    marks = _convolution(x, JOINED, f"{name}_marks")
    numbers = (
        _numbers(x, [0.0] * BOX, f"{name}_box"),
        _numbers(marks, [0.0] * LANDMARKS, f"{name}_landmarks"),
        _numbers(x, [SCARCE], f"{name}_score"),
    )
    return layers.Concatenate(dtype="float32")(numbers)


def _numbers(x: keras.KerasTensor, first: Sequence[float], name: str) -> keras.KerasTensor:
    """Numbers of each cell, which begin at the given ones."""
    return layers.Conv2D(
        len(first),
        1,
        kernel_initializer=keras.initializers.VarianceScaling(0.1),
        bias_initializer=_Values(list(first)),
        # In float32 also where the rest is trained in shorter numbers.
        dtype="float32",
        name=name,
    )(x)


@keras.saving.register_keras_serializable("maskgate")
class _Values(keras.initializers.Initializer):  # type: ignore[misc]
    """Begins with given numbers."""

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> keras.KerasTensor:
        return ops.reshape(ops.convert_to_tensor(self.values, dtype), shape)

    def get_config(self) -> dict[str, list[float]]:
        return {"values": self.values}


@keras.saving.register_keras_serializable("maskgate")
class _Doubled(layers.Layer):  # type: ignore[misc]
    """Twice as wide and high, each pixel four times."""

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return ops.depth_to_space(ops.concatenate([x] * 4, axis=-1), 2)


@keras.saving.register_keras_serializable("maskgate")
class _Folded(layers.Layer):  # type: ignore[misc]
    """Squares of pixels side by side as channels."""

    def __init__(self, side: int, **more: object) -> None:
        super().__init__(**more)
        self.side = side

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return ops.space_to_depth(x, self.side) if self.side > 1 else x

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "side": self.side}
