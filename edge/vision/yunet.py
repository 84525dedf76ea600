"""YuNet, a one-stage face detector that OpenCV runs; its file is the operator's own.

Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import cv2
import numpy as np

from edge.config import Detector
from edge.config.detector import YUNET_THRESHOLD
from edge.errors import MaskGateError
from edge.paths import reason
from edge.values import Box, Face, Landmarks, Pixels

OVERLAP: Final = 0.3
"""Overlap above which the worse of two faces is dropped; the default of OpenCV's class."""
TRIAL: Final = (64, 64)
"""Width and height of the picture by which it is seen whether a file is a YuNet."""


class YuNet:
    """Finds faces and their landmarks in frames."""

    parts = False
    """Whether parts of a frame are worth being searched on their own: OpenCV makes the net ready
    anew whenever the size changes, and a net for each size takes more memory than a device has."""

    def __init__(self, settings: Detector) -> None:
        """Read the file.

        Args:
            settings: file, score_threshold, min_face and threads; OpenCV's threads are the whole
                process's.

        Raises:
            MaskGateError: the file cannot be read, or OpenCV does not find a YuNet in it.
        """
        cv2.setNumThreads(settings.threads or 1)
        self._min_face = settings.min_face
        self.invoke_seconds = 0.0
        """Time spent inside OpenCV's class so far, seconds."""
        assert settings.file is not None  # the settings see to it
        try:
            content = np.fromfile(settings.file, np.uint8)
        except OSError as error:
            raise MaskGateError(
                f"detector.file {settings.file}: cannot be read ({reason(error)}); "
                "set it to a YuNet in ONNX form"
            ) from error
        try:
            with _silent():
                self._net = cv2.FaceDetectorYN.create(
                    "onnx",
                    content,
                    np.empty(0, np.uint8),
                    TRIAL,
                    score_threshold=(
                        YUNET_THRESHOLD
                        if settings.score_threshold is None
                        else settings.score_threshold
                    ),
                    nms_threshold=OVERLAP,
                )
                self._net.detect(np.zeros((*TRIAL, 3), np.uint8))
        except cv2.error as error:
            raise MaskGateError(
                f"detector.file {settings.file}: expected a YuNet in ONNX form, found something "
                f"else (OpenCV: {error.err}); see docs/operator.md for where to get one"
            ) from error

    def detect(self, pixels: Pixels) -> list[Face]:
        """Find the faces in a frame.

        Args:
            pixels: RGB uint8, height x width x 3, of any size.

        Returns:
            The faces, the surest first. Boxes end at the frame's edge; landmarks may lie beyond.
        """
        height, width = pixels.shape[:2]
        self._net.setInputSize((width, height))
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)
        start = time.perf_counter()
        _, rows = self._net.detect(pixels)
        self.invoke_seconds += time.perf_counter() - start
        faces = [] if rows is None else [face_of(row, width, height) for row in rows.tolist()]
        found = [face for face in faces if self._is_large(face.box)]
        return sorted(found, key=lambda face: -face.score)

    def _is_large(self, box: Box) -> bool:
        # OpenCV adds an edge to the frame; a box that lies there has no width or height left.
        return min(box.width, box.height) > 0 and max(box.width, box.height) >= self._min_face


def face_of(row: list[float], width: int, height: int) -> Face:
    """Read a row of cv2.FaceDetectorYN's answer.

    Args:
        row: left, top, width and height; the person's right eye, left eye, nose, right and left
            corner of the mouth, x and y of each; score. So the points go from left to right in the
            picture of a face that looks at the camera.
        width: of the frame.
        height: of the frame.
    """
    left, top, across, down = row[:4]
    corners = max(left, 0), max(top, 0), min(left + across, width), min(top + down, height)
    points = zip(row[4:14:2], row[5:14:2], strict=True)
    return Face(Box(*corners), row[14], Landmarks(*points))


@contextmanager
def _silent() -> Iterator[None]:
    """Keep OpenCV from writing what its errors say anyway."""
    logging: Any = cv2.utils.logging
    level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)
