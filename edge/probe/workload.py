"""What a trial gives the nets to do: as much as one frame, or one face, asks of them.

The pictures are made up here, so that a device needs no photo of anybody.
"""

from collections import Counter
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle, Input
from edge.config import Detector
from edge.probe.drawn_face import drawn_faces
from edge.values import Pixels
from edge.vision.detectors import CLOSER_LOOK, SINGLE_SHOT
from edge.vision.pyramid import CELL, scales, strips
from edge.vision.sampling import Size
from edge.vision.second_look import SIDE
from edge.vision.single_shot import picture_sizes, showing_of, whole_blocks
from edge.vision.windows import ONET_SIDE, RNET_SIDE

RNET_RUNS, ONET_RUNS = 12, 4
"""Candidates that R-Net and O-Net see of a frame with two faces, about."""
CLOSER_RUNS, SECOND_RUNS = 3, 1
"""Finds that the single-shot detector looks at more closely then, and again, about."""
PICTURES = 4
"""Different pictures that the smaller nets are compared on."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A net at one picture size."""

    net: str
    inputs: NDArray[np.float32]
    """Real values, pictures x height x width x 3."""
    runs: int
    """How often the work has it run."""


def cascade_work(bundle: Bundle, settings: Detector, frame: Size) -> list[Piece]:
    """What MTCNN does with a frame: P-Net at each level, some R-Net and O-Net.

    Args:
        bundle: of task face-detection.
        settings: smallest face and steps of the pyramid.
        frame: (width, height).
    """
    source = bundle.manifest.input
    factor = settings.factor or bundle.manifest.factor
    sizes = Counter(
        (int(frame[0] * scale), rows)
        for scale in scales(frame, settings.min_face, factor)
        for _, rows in strips(int(frame[0] * scale), int(frame[1] * scale))
    )
    # A frame smaller than the smallest face has no level at all.
    pieces = [
        Piece("pnet", _blobs(1, size, source), runs)
        for size, runs in (sizes or {(CELL, CELL): 1}).items()
    ]
    for net, side, runs in (("rnet", RNET_SIDE, RNET_RUNS), ("onet", ONET_SIDE, ONET_RUNS)):
        pieces.append(Piece(net, _blobs(PICTURES, (side, side), source), runs))
    return pieces


def single_shot_work(bundle: Bundle, settings: Detector, frame: Size) -> list[Piece]:
    """What the single-shot detector does with a frame: the net at one or more sizes.

    Args:
        bundle: of task face-detection.
        settings: smallest face.
        frame: (width, height).
    """
    source, scale = bundle.manifest.input, showing_of(bundle, settings).scale
    pieces = [
        Piece(SINGLE_SHOT, _blobs(1, whole_blocks(size), source), 1)
        for size in picture_sizes(frame, scale)
    ]
    closer = _blobs(PICTURES, (ONET_SIDE, ONET_SIDE), source)
    second = _blobs(PICTURES, (SIDE, SIDE), source)
    return [
        *pieces,
        Piece(CLOSER_LOOK, closer, CLOSER_RUNS),
        Piece(SINGLE_SHOT, second, SECOND_RUNS),
    ]


def classifier_work(bundle: Bundle) -> list[Piece]:
    """What the classifier does with a face.

    Args:
        bundle: of task mask-classification.
    """
    source = bundle.manifest.input
    faces = np.stack(drawn_faces((source.width, source.height)))
    return [Piece("classifier", _values(faces, source), 1)]


def _blobs(count: int, size: Size, source: Input) -> NDArray[np.float32]:
    return _values(np.stack([_picture(number, size) for number in range(count)]), source)


def _values(pixels: Pixels, source: Input) -> NDArray[np.float32]:
    return source.values(pixels)


def _picture(number: int, size: Size) -> Pixels:
    """Soft blobs of colour, smaller from picture to picture, with a little noise."""
    random = np.random.default_rng(number)
    grid = random.uniform(-40, 295, (3 + number, 3 + number, 3)).astype(np.float32)
    blobs = cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)
    noise = random.normal(0, 6, blobs.shape)
    return np.asarray(np.clip(blobs + noise, 0, 255), np.uint8)
