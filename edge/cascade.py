"""The face detector: MTCNN's three nets one after the other.

Zhang et al., "Joint Face Detection and Alignment using Multitask Cascaded Convolutional Networks",
2016. The arithmetic around the nets is that of the Python package `mtcnn` 1.0.0, so that with its
settings (min_face 20, factor 0.709, thresholds 0.6, 0.7, 0.8) its faces come out.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.boxes import Rows, Scores, not_overlapped, squared
from edge.bundle import Bundle
from edge.config import Detector
from edge.errors import MaskGateError
from edge.net import Net, normalising_table
from edge.pyramid import Pyramid
from edge.runtime import InvokeClock
from edge.values import Box, Face, Landmarks, Pixels

LIMIT = 512
"""Candidates that each stage takes at most, so that a noisy frame cannot hold up the camera."""
RNET_SIZE, ONET_SIZE = 24, 48
"""Sides of the pictures that R-Net and O-Net judge (Zhang et al., 2016)."""
OVERLAP = 0.7
"""Overlap above which R-Net and O-Net drop the worse of two boxes; the `mtcnn` package's."""
NO_FACES = np.empty((0, 4)), np.empty((0, 10)), np.empty(0)


class Cascade:
    """Finds faces and their landmarks in frames."""

    def __init__(self, bundle: Bundle, settings: Detector) -> None:
        """Read the nets of a bundle.

        Args:
            bundle: of task face-detection, with the nets pnet, rnet and onet.
            settings: smallest face, pyramid, thresholds, form of the nets, threads.

        Raises:
            MaskGateError: the bundle is for another task, lacks a net, or a file of it is missing,
                altered or refused by the runtime.
        """
        manifest = bundle.manifest
        if manifest.task != "face-detection":
            raise MaskGateError(
                f"bundle {bundle.folder}: it is for {manifest.task}, expected face-detection; "
                "set detector.bundle to a detector's folder"
            )
        self._settings = settings
        self._clock = InvokeClock()
        self._table = normalising_table(manifest.input.offset, manifest.input.scale)
        self._thresholds = [_logit(share) for share in settings.thresholds]
        self._pnet = bundle.model("pnet", settings.form)
        self._rnet = self._open(bundle.model("rnet", settings.form), "rnet", (RNET_SIZE,) * 2)
        self._onet = self._open(bundle.model("onet", settings.form), "onet", (ONET_SIZE,) * 2)
        self._pyramid = self._pyramid_for((0, 0))

    @property
    def invoke_seconds(self) -> float:
        """Time spent inside the interpreters so far, seconds."""
        return self._clock.seconds

    def detect(self, pixels: Pixels) -> list[Face]:
        """Find the faces in a frame.

        Args:
            pixels: RGB uint8, height x width x 3, of any size. The nets stay ready for this size;
                a frame of another size makes them anew.

        Returns:
            The faces, the surest first. Boxes end at the frame's edge; landmarks may lie beyond.
        """
        pixels = np.ascontiguousarray(pixels)
        height, width = pixels.shape[:2]
        if self._pyramid.size != (width, height):
            self._pyramid = self._pyramid_for((width, height))
        pnet, rnet, onet = self._thresholds
        boxes = self._pyramid.propose(pixels, pnet, LIMIT)
        boxes, _, scores = _refined(self._rnet, RNET_SIZE, pixels, boxes, rnet)
        kept = not_overlapped(boxes, scores, OVERLAP)
        boxes, landmarks, scores = _refined(
            self._onet, ONET_SIZE, pixels, squared(boxes[kept]), onet
        )
        kept = not_overlapped(boxes, scores, OVERLAP, of_smaller=True)
        edge = np.array([width - 1, height - 1] * 2)
        boxes = np.clip(boxes[kept], 0, edge)
        return [_face(*row) for row in zip(boxes, landmarks[kept], scores[kept], strict=True)]

    def _pyramid_for(self, size: tuple[int, int]) -> Pyramid:
        settings = self._settings
        return Pyramid(
            size,
            settings.min_face,
            settings.factor,
            lambda size: self._open(self._pnet, "pnet", size),
        )

    def _open(self, content: bytes, name: str, size: tuple[int, int]) -> Net:
        return Net(content, name, size, self._table, self._clock, self._settings.threads)


def _refined(
    net: Net, side: int, pixels: Pixels, boxes: Rows, threshold: float
) -> tuple[Rows, NDArray[np.float64], Scores]:
    """Let R-Net or O-Net judge boxes: those that pass, their landmarks (O-Net) and logits."""
    if not len(boxes):
        return NO_FACES
    patch = np.empty((side, side, 3), np.uint8)
    output = np.array([net.run(_cut(pixels, box, patch))[0, 0] for box in boxes], np.float64)
    scores = output[:, -1]
    passed = scores > threshold
    boxes, output, scores = boxes[passed], output[passed], scores[passed]
    size = boxes[:, 2:] - boxes[:, :2] + 1
    landmarks = output[:, 4:-1]
    if landmarks.size:
        landmarks = np.hstack(
            [
                landmarks[:, :5] * size[:, :1] + boxes[:, :1] - 1,
                landmarks[:, 5:] * size[:, 1:] + boxes[:, 1:2] - 1,
            ]
        )
    return boxes + output[:, :4] * np.tile(size, 2), landmarks, scores


def _cut(pixels: Pixels, box: NDArray[np.float64], patch: Pixels) -> Pixels:
    """Fill `patch` with the part of a frame inside a box, grey where the box leaves the frame.

    Samples where TensorFlow's crop_and_resize does, as the package calls it: from the box's left
    to its right, both times (width - 1) / width.
    """
    height, width = pixels.shape[:2]
    side = patch.shape[0]
    left, top, right, bottom = box
    shrink_x, shrink_y = (width - 1) / width, (height - 1) / height
    matrix = np.array(
        [
            [(right - left) * shrink_x / (side - 1), 0, left * shrink_x],
            [0, (bottom - top) * shrink_y / (side - 1), top * shrink_y],
        ]
    )
    cv2.warpAffine(
        pixels,
        matrix,
        (side, side),
        dst=patch,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(128, 128, 128),
    )
    return patch


def _face(box: NDArray[np.float64], points: NDArray[np.float64], logit: float) -> Face:
    left_eye, right_eye, nose, mouth_left, mouth_right = zip(
        points[:5].tolist(), points[5:].tolist(), strict=True
    )
    score = 1 / (1 + math.exp(-min(max(logit, -60), 60)))
    return Face(
        Box(*box.tolist()), score, Landmarks(left_eye, right_eye, nose, mouth_left, mouth_right)
    )


def _logit(share: float) -> float:
    """The net's output that means a probability; 0 and 1 become minus and plus infinity."""
    if share in (0, 1):
        return math.copysign(math.inf, share - 0.5)
    return math.log(share / (1 - share))
