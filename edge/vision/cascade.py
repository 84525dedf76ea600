"""The face detector: MTCNN's three nets one after the other.

Zhang et al., "Joint Face Detection and Alignment using Multitask Cascaded Convolutional Networks",
2016. The arithmetic around the nets is that of the Python package `mtcnn` 1.0.0, so that with its
settings (min_face 20, factor 0.709, thresholds 0.6, 0.7, 0.8) its faces come out.
"""

from functools import lru_cache

import numpy as np

from edge.bundle import Bundle
from edge.config import Detector
from edge.runtime.model import InvokeClock
from edge.runtime.processor import Nets, on_cpu
from edge.values import Face, Pixels
from edge.vision.boxes import Rows, best_apart, squared
from edge.vision.detectors import require_detector
from edge.vision.faces import logit_of, make_face, require_frame
from edge.vision.net import Net
from edge.vision.pyramid import CELL, Pyramid
from edge.vision.sampling import ExactSampling, QuickSampling, Sampling, Size
from edge.vision.windows import ONET_SIDE, RNET_SIDE, judge_squares, landmarks, moved

LIMIT = 512
"""Candidates that each stage takes at most, so that a noisy frame cannot hold up the camera.

Photos of crowds, with 50 to 115 faces, would show R-Net up to three times as many, for one or two
faces more.
"""
OVERLAP = 0.7
"""Overlap above which R-Net and O-Net drop the worse of two boxes; the `mtcnn` package's."""


class Cascade:
    """Finds faces and their landmarks in frames."""

    def __init__(
        self,
        bundle: Bundle,
        settings: Detector,
        processor: Nets | None = None,
        *,
        sizes: int = 1,
        cameras: int = 1,
    ) -> None:
        """Read the nets of a bundle.

        Args:
            bundle: of task face-detection, with the nets pnet, rnet and onet.
            settings: smallest face, pyramid, thresholds, form of the nets, threads.
            processor: what opens the nets; when None they run on the CPU.
            sizes: sizes of a camera's frame and its parts that the nets stay ready for, the last
                ones used.
            cameras: that take turns; each may have frames of another size.

        Raises:
            MaskGateError: the bundle is for another task, lacks a net, or a file of it is missing,
                altered or refused by the runtime.
        """
        require_detector(bundle)
        self._settings = settings
        self._source = bundle.manifest.input
        self._clock = InvokeClock()
        self._processor = processor or on_cpu(bundle, settings.threads, settings.form)
        exact = self._source.sampling == "exact" and self._processor.form == "float32"
        self._sampler = ExactSampling if exact else QuickSampling
        thresholds = settings.thresholds or bundle.manifest.thresholds
        self._thresholds = [logit_of(share) for share in thresholds]
        self._open_pnet((CELL, CELL))  # A file that the runtime refuses must not wait for a frame.
        self._rnet = self._open("rnet", (RNET_SIDE, RNET_SIDE))
        self._onet = self._open("onet", (ONET_SIDE, ONET_SIDE))
        self._factor = settings.factor or bundle.manifest.factor
        self._prepared = lru_cache(maxsize=sizes * cameras)(self._prepare)
        self.parts = sizes > 1
        """Whether parts of a frame are worth being searched on their own."""

    @property
    def invoke_seconds(self) -> float:
        """Time spent inside the interpreters so far, seconds."""
        return self._clock.seconds

    def detect(self, pixels: Pixels) -> list[Face]:
        """Find the faces in a frame.

        Args:
            pixels: RGB uint8, height x width x 3, of any size. The nets stay ready for this size
                until frames of too many other sizes have come.

        Returns:
            The faces, the surest first. Boxes end at the frame's edge; landmarks may lie beyond.

        Raises:
            ValueError: the pixels are of another shape or type.
        """
        proposed, sampling = self._proposed(pixels)
        squares = self._refined(proposed, sampling)
        squares, outputs = judge_squares(
            self._onet, sampling, squares, ONET_SIDE, self._thresholds[2]
        )
        boxes, points = moved(squares, outputs), landmarks(squares, outputs)
        kept = best_apart(boxes, outputs[:, -1], OVERLAP, LIMIT, of_smaller=True)
        height, width = pixels.shape[:2]
        boxes = np.clip(boxes, 0, (width - 1, height - 1) * 2)
        return [make_face(boxes[i], points[i], outputs[i, -1]) for i in kept]

    def _proposed(self, pixels: Pixels) -> tuple[Rows, Sampling]:
        """P-Net's squares, and the frame to cut them from."""
        require_frame(pixels)
        pyramid, sampling = self._prepared(pixels.shape[1::-1])
        sampling.see(np.ascontiguousarray(pixels))
        return pyramid.propose(sampling, self._thresholds[0], LIMIT), sampling

    def _refined(self, squares: Rows, sampling: Sampling) -> Rows:
        """R-Net's squares."""
        squares, outputs = judge_squares(
            self._rnet, sampling, squares, RNET_SIDE, self._thresholds[1]
        )
        boxes = moved(squares, outputs)
        kept = best_apart(boxes, outputs[:, -1], OVERLAP, LIMIT)
        return squared(boxes[kept])

    def _prepare(self, size: Size) -> tuple[Pyramid, Sampling]:
        """Make ready for frames of one size."""
        settings = self._settings
        pyramid = Pyramid(size, settings.min_face, self._factor, self._open_pnet)
        return pyramid, self._sampler(size, pyramid.levels, self._source)

    def _open_pnet(self, size: Size) -> Net:
        return self._open("pnet", size)

    def _open(self, net: str, size: Size) -> Net:
        return Net(self._processor.open(net, net, size), self._source, self._clock)
