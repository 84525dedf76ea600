"""Pictures and films that the tests make, and what a source gives of them."""

import struct
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from edge.config import Camera
from edge.sources.source import Source
from edge.values import Pixels

ORANGE = (250, 120, 30)
"""A colour whose three parts differ, so that a wrong order shows."""


def picture(width: int = 64, height: int = 48) -> Pixels:
    """Noise below an orange left half."""
    pixels = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    pixels[:, : width // 2] = ORANGE
    return pixels


def save(path: Path, pixels: Pixels) -> Path:
    assert cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return path


def film(path: Path, frames: int = 30, rate: float = 10, codec: str = "MJPG") -> Path:
    """A video whose frames are grey of brightness 8 x number."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, (64, 48))
    assert writer.isOpened()
    for number in range(frames):
        writer.write(np.full((48, 64, 3), 8 * number, np.uint8))
    writer.release()
    return path


def gif(path: Path, durations: list[int]) -> Path:
    pictures = [Image.new("RGB", (64, 48), (20 * n, 99, 0)) for n in range(len(durations))]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    return path


def cut(path: Path, share: float) -> Path:
    """The same file with its end missing."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def with_empty_packets(path: Path) -> Path:
    """The same AVI at twice the rate, with an empty packet after each frame, and no index."""
    content = path.read_bytes()
    movi = content.index(b"movi") + 4
    head = bytearray(content[:movi])
    stream = head.index(b"strh") + 8
    for offset in (24, 32):  # dwRate, dwLength
        [value] = struct.unpack_from("<I", head, stream + offset)
        struct.pack_into("<I", head, stream + offset, 2 * value)
    chunks, at = b"", movi
    while content[at : at + 4] == b"00dc":
        end = at + 8 + int.from_bytes(content[at + 4 : at + 8], "little")
        end += end % 2
        chunks += content[at:end] + b"00dc" + bytes(4)
        at = end
    struct.pack_into("<I", head, movi - 8, 4 + len(chunks))
    path.write_bytes(head + chunks)
    return path


def claiming(path: Path, seconds: float) -> Path:
    """The same FLV with another length in its metadata."""
    content = bytearray(path.read_bytes())
    struct.pack_into(">d", content, content.index(b"duration\0") + 9, seconds)
    path.write_bytes(content)
    return path


def source_of(text: object) -> Camera:
    return Camera(source=str(text))


def everything(source: Source) -> list[Pixels]:
    found = []
    while (pixels := source.read()) is not None:
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert pixels.flags.c_contiguous
        found.append(pixels)
    source.close()
    return found
