"""Which faces count at a camera: those in its zones, and large enough."""

import cv2
import numpy as np

from edge.config import Camera
from edge.values import Box, Face, Frame


class Zones:
    """Sorts out the faces of a camera that do not count."""

    def __init__(self, camera: Camera) -> None:
        self._polygons = [np.array(zone, np.float32) for zone in camera.zones]
        self._min_face = camera.min_face or 0.0

    def counted(self, faces: list[Face], frame: Frame) -> list[Face]:
        """Those of a frame's faces that count, in their order."""
        height, width = frame.pixels.shape[:2]
        return [face for face in faces if self._counts(face.box, width, height)]

    def _counts(self, box: Box, width: int, height: int) -> bool:
        if max(box.width, box.height) < self._min_face:
            return False
        x, y = box.centre
        place = x / width, y / height
        return not self._polygons or any(
            cv2.pointPolygonTest(polygon, place, measureDist=False) >= 0
            for polygon in self._polygons
        )
