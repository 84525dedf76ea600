"""A net of YuNet's form that takes bright squares for faces, written in ONNX's format by hand.

Its scores are the brightness of 8 x 8, 16 x 16 and 32 x 32 pixels, and every box and point is at a
fixed place from there: cv2.FaceDetectorYN reads its answers as those of a real YuNet.
"""

import math
import struct
from pathlib import Path

BOX = (0.5, 0.5, math.log(5), math.log(6))
"""Of each cell: where its box is centred, in cells, and the logarithms of its size in cells."""
POINTS = (-1.0, -1.0, 2.0, -1.0, 0.5, 0.5, -0.75, 2.0, 1.75, 2.0)
"""Of each cell: its five points, x and y, in cells."""
FLOAT, INTS = 1, 7
"""Types of ONNX: of a tensor's values, and of an attribute."""


def write_tiny_yunet(path: Path, *, heads: tuple[str, ...] = ("cls", "obj", "bbox", "kps")) -> Path:
    """Write it.

    Args:
        path: the file.
        heads: its outputs, each at three strides; a YuNet has all.
    """
    graph = b""
    for stride in (8, 16, 32):
        outputs = {"cls": (0.0,), "obj": (0.0,), "bbox": BOX, "kps": POINTS}
        for head in heads:
            name = f"{head}_{stride}"
            graph += _head(name, stride, outputs[head], bright=head in ("cls", "obj"))
    graph += _text(2, "tiny") + _field(11, _value("input", (1, 3, 64, 64)))
    # Opset 11 of the standard operators, in a model of the format's version 6.
    path.write_bytes(_number(1, 6) + _field(7, graph) + _field(8, _number(2, 11)))
    return path


def _head(name: str, stride: int, biases: tuple[float, ...], *, bright: bool) -> bytes:
    """A convolution of brightness, or of nothing but its biases; the channels come last."""
    weight = 1 / (255 * 3 * stride**2) if bright else 0.0
    count = len(biases)
    weights = [weight] * (count * 3 * stride**2)
    conv = _text(1, "input") + _text(1, f"{name}_w") + _text(1, f"{name}_b")
    conv += _text(2, f"{name}_c") + _text(4, "Conv")
    conv += _ints("kernel_shape", (stride, stride)) + _ints("strides", (stride, stride))
    turn = _text(1, f"{name}_c") + _text(2, name) + _text(4, "Transpose")
    turn += _ints("perm", (0, 2, 3, 1))
    nodes = _field(1, conv) + _field(1, turn)
    nodes += _field(5, _tensor(f"{name}_w", (count, 3, stride, stride), weights))
    nodes += _field(5, _tensor(f"{name}_b", (count,), list(biases)))
    return nodes + _field(12, _value(name, (1, 64 // stride, 64 // stride, count)))


def _tensor(name: str, shape: tuple[int, ...], values: list[float]) -> bytes:
    dims = b"".join(_number(1, side) for side in shape)
    content = struct.pack(f"<{len(values)}f", *values)
    return dims + _number(2, FLOAT) + _text(8, name) + _field(9, content)


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(_field(1, _number(1, side)) for side in shape)
    return _text(1, name) + _field(2, _field(1, _number(1, FLOAT) + _field(2, dims)))


def _ints(name: str, values: tuple[int, ...]) -> bytes:
    numbers = b"".join(_number(8, value) for value in values)
    return _field(5, _text(1, name) + numbers + _number(20, INTS))


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, content: bytes) -> bytes:
    """A field with bytes, in protobuf's encoding."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
