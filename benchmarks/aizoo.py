"""AIZOO's one-stage detector of masked and bare faces, run from its TFLite file.

The facts of the net: 260 x 260 pixels, RGB, 0..1; SSD anchors, four for each cell of five maps;
boxes as offsets from the anchors; two scores for each, masked and bare.
"""

from pathlib import Path
from time import perf_counter
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.runtime.accelerator import CPU
from edge.runtime.interpreter import open_interpreter
from edge.values import Pixels

SIDE: Final = 260
MAPS: Final = (33, 17, 9, 5, 3)
"""Cells along each side of the five maps."""
SIZES: Final = ((0.04, 0.056), (0.08, 0.11), (0.16, 0.22), (0.32, 0.45), (0.64, 0.72))
"""Anchors of each map, as shares of the picture's side."""
RATIOS: Final = (1.0, 0.62, 0.42)
"""Of width to height; the second and the third for the first size only."""
VARIANCES: Final = np.array([0.1, 0.1, 0.2, 0.2])
SCORE: Final = 0.5
OVERLAP: Final = 0.4

Rows = NDArray[np.float64]


class Aizoo:
    """Finds faces, and tells masked from bare, in one go."""

    def __init__(self, file: Path) -> None:
        """Open the file with one thread."""
        self._net = open_interpreter(file.read_bytes(), file.name, CPU.threads)
        self._net.allocate_tensors()
        (given,) = self._net.get_input_details()
        self._given = given["index"]
        # The boxes have four numbers for each anchor, the scores two.
        taken = {detail["shape"][-1]: detail["index"] for detail in self._net.get_output_details()}
        self._boxes, self._scores = taken[4], taken[2]
        self._anchors = _anchors()
        self.invoke_seconds = 0.0

    def detect(self, pixels: Pixels) -> list[tuple[list[float], float, bool]]:
        """Find the faces: left, top, right and bottom in pixels, score, whether masked."""
        height, width = pixels.shape[:2]
        picture = np.asarray(cv2.resize(pixels, (SIDE, SIDE)), np.float32) / 255
        self._net.set_tensor(self._given, picture[None])
        start = perf_counter()
        self._net.invoke()
        self.invoke_seconds += perf_counter() - start
        scores = self._net.get_tensor(self._scores)[0]
        best = scores.max(axis=1)
        sure = np.flatnonzero(best > SCORE)
        offsets = self._net.get_tensor(self._boxes)[0][sure] * VARIANCES
        anchors = self._anchors[sure]
        centres = anchors[:, :2] + offsets[:, :2] * anchors[:, 2:]
        sizes = np.exp(offsets[:, 2:]) * anchors[:, 2:]
        boxes = np.hstack([centres - sizes / 2, sizes]) * (width, height, width, height)
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), best[sure].tolist(), SCORE, OVERLAP)
        found = []
        for i in np.asarray(kept, int).ravel():
            left, top, across, down = boxes[i].tolist()
            score, masked = float(best[sure[i]]), bool(scores[sure[i]].argmax() == 0)
            found.append(([left, top, left + across, top + down], score, masked))
        return found


def _anchors() -> Rows:
    """Centre, width and height of each anchor, as shares of the picture's sides."""
    found = []
    for cells, (first, second) in zip(MAPS, SIZES, strict=True):
        middles = (np.arange(cells) + 0.5) / cells
        x, y = np.meshgrid(middles, middles)
        shapes = [(first, 1.0), (second, 1.0), *((first, ratio) for ratio in RATIOS[1:])]
        rows = [
            np.stack([x, y, np.full_like(x, size * ratio**0.5), np.full_like(x, size / ratio**0.5)])
            for size, ratio in shapes
        ]
        found.append(np.stack(rows).transpose(2, 3, 0, 1).reshape(-1, 4))
    return np.concatenate(found)
