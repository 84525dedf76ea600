"""The face detector: one net that looks at the whole frame at once, and knows faces behind masks.

Of the family of SSD (Liu et al., 2016) and FCOS (Tian et al., 2019): each cell of the picture says
whether it is the middle of a face, and where that face ends. Unlike MTCNN's windows it sees what is
around a face, the head and the shoulders, which tell a face by what a mask leaves free.
What it finds another net looks at, see `closer_look`; what is not sure then it looks at again
itself, see `second_look`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edge.bundle import Bundle, Input
from edge.config import Detector
from edge.errors import MaskGateError
from edge.runtime.model import InvokeClock
from edge.runtime.processor import Nets
from edge.values import Face, Pixels
from edge.vision.boxes import Rows, Scores, best_apart, joined
from edge.vision.cells import BLOCK, faces_in_cells
from edge.vision.closer_look import CloserLook
from edge.vision.detectors import CLOSER_LOOK, SINGLE_SHOT
from edge.vision.faces import logit_of, make_face, probabilities, require_frame
from edge.vision.net import Net
from edge.vision.sampling import Picture, QuickSampling, Size
from edge.vision.second_look import SIDE, SecondLook
from edge.vision.windows import ONET_SIDE

LIMIT = 512
"""Cells with a face that are looked at, at most: a noisy frame must not hold up the camera."""
OVERLAP, WITHIN = 0.45, 0.7
"""Overlap above which the better of two boxes stands for both, for cells beside each other see one
face; and share of the smaller box that two boxes may have in common, for a cell between two faces
may take both for one."""
LARGEST = 160.0
"""Pixels of the net's picture up to which it surely knows a face by what is around it."""
SMALLER = 4
"""Times that the next picture is smaller, for the faces that are larger than that."""


@dataclass(frozen=True, slots=True)
class Showing:
    """How the net is shown frames."""

    scale: float
    """Of the largest picture, beside the frame."""
    threshold: float
    """Probability that a face must exceed."""
    doubt: float
    """How much O-Net counts, which looks at the faces again."""


class SingleShot:
    """Finds faces and their landmarks in frames."""

    def __init__(
        self,
        source: Input,
        showing: Showing,
        nets: Nets,
        *,
        sizes: int = 1,
        cameras: int = 1,
    ) -> None:
        """Make ready.

        Args:
            source: how a pixel becomes an input value.
            showing: how large, and how sure it must be.
            nets: opens the net and O-Net.
            sizes: sizes of a camera's frame and its parts that the net stays ready for, the last
                ones used.
            cameras: that take turns; each may have frames of another size.

        Raises:
            MaskGateError: a net is missing, damaged, refused by the runtime or of another kind.
        """
        self._source, self._nets = source, nets
        self._scale = showing.scale
        self._threshold = logit_of(showing.threshold)
        self._clock = InvokeClock()
        # A file that the runtime refuses must not wait for a frame.
        self._second = SecondLook(self._open((SIDE, SIDE)))
        self._faintest = min(self._threshold, self._second.faintest)
        onet = nets.open(CLOSER_LOOK, CLOSER_LOOK, (ONET_SIDE, ONET_SIDE))
        self._closer = CloserLook(Net(onet, source, self._clock), showing.doubt)
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
            pixels: RGB uint8, height x width x 3, of any size. The net stays ready for this size
                until frames of too many other sizes have come.

        Returns:
            The faces, the surest first. Boxes end at the frame's edge; landmarks may lie beyond.

        Raises:
            ValueError: the pixels are of another shape or type.
        """
        require_frame(pixels)
        rooms, sampling = self._prepared(pixels.shape[1::-1])
        sampling.see(np.ascontiguousarray(pixels))
        boxes, first = self._first_look(rooms, sampling)
        edges = np.tile(pixels.shape[1::-1], 2) - 1
        # What lies beyond the edge has no width or height left.
        boxes = np.clip(boxes, 0, edges)
        boxes, first = _one_each(boxes, first)
        logits, points = self._closer.look(sampling, boxes, first)
        boxes, logits = self._second.look(sampling, boxes, first, logits)
        boxes = np.clip(boxes, 0, edges)
        passed = [i for i in np.argsort(-logits, kind="stable") if logits[i] > self._threshold]
        return [make_face(boxes[i], points[i], logits[i]) for i in passed]

    def _first_look(self, rooms: Sequence["_Room"], sampling: QuickSampling) -> tuple[Rows, Scores]:
        """Boxes, in pixels of the frame, and logits of all cells that see a face."""
        sizes = zip(rooms, sampling.levels(), strict=True)
        seen = [room.look(level, self._faintest) for room, level in sizes]
        boxes, logits = (np.concatenate(part) for part in zip(*seen, strict=True))
        return boxes, logits

    def _prepare(self, size: Size) -> tuple[list["_Room"], QuickSampling]:
        """Make ready for frames of one size."""
        shown = picture_sizes(size, self._scale)
        rooms = [_Room(size, one, self._open(whole_blocks(one)), self._source) for one in shown]
        return rooms, QuickSampling(size, shown, self._source)

    def _open(self, size: Size) -> Net:
        return Net(self._nets.open(SINGLE_SHOT, SINGLE_SHOT, size), self._source, self._clock)


class _Room:
    """A frame at one size, with room around it up to whole blocks."""

    def __init__(self, frame: Size, size: Size, net: Net, source: Input) -> None:
        self._net = net
        width, height = whole_blocks(size)
        # What lies outside a frame is 0 to the net.
        self._room = np.full((height, width, 3), round(source.offset), np.uint8)
        self._scale = np.divide(frame, size)

    def look(self, level: Picture, threshold: float) -> tuple[Rows, Scores]:
        """Boxes, in pixels of the frame, and logits of the faces at this size."""
        self._room[: level.shape[0], : level.shape[1]] = level
        boxes, logits = faces_in_cells(self._net.run(self._room), threshold)
        return boxes * np.tile(self._scale, 2), logits


def _one_each(boxes: Rows, logits: Scores) -> tuple[Rows, Scores]:
    """One box for each face, where all its cells see it, and the logit of the surest."""
    there = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
    surest = there[np.argsort(-logits[there], kind="stable")[:LIMIT]]
    boxes, logits = boxes[surest], logits[surest]
    kept = best_apart(boxes, logits, OVERLAP, LIMIT)
    kept = kept[best_apart(boxes[kept], logits[kept], WITHIN, LIMIT, of_smaller=True)]
    return joined(boxes, probabilities(logits), kept, OVERLAP), logits[kept]


def picture_sizes(frame: Size, scale: float) -> list[Size]:
    """Give the sizes at which the net is shown a frame, the largest first.

    Args:
        frame: width and height.
        scale: of the largest picture; the others are for faces that are too large in it.
    """
    sizes = []
    while True:
        width, height = (max(1, round(side * scale)) for side in frame)
        sizes.append((width, height))
        if min(width, height) <= LARGEST:
            return sizes
        scale /= SMALLER


def showing_of(bundle: Bundle, settings: Detector) -> Showing:
    """How a bundle's net is to be shown frames.

    Args:
        bundle: of a single-shot detector.
        settings: the smallest face, and the score that a face must exceed, if not the bundle's.

    Raises:
        MaskGateError: the manifest lacks something.
    """
    said = bundle.manifest
    smallest, threshold, doubt = said.smallest, said.threshold, said.doubt
    if smallest is None or threshold is None or doubt is None:
        raise MaskGateError(
            f"bundle {bundle.path}: manifest.json: expected smallest, threshold and doubt beside "
            f"the net {SINGLE_SHOT}; convert it again"
        )
    wanted = settings.score_threshold
    return Showing(smallest / settings.min_face, threshold if wanted is None else wanted, doubt)


def whole_blocks(size: Size) -> Size:
    """The smallest size that holds this one and is made of whole blocks."""
    width, height = (-(-side // BLOCK) * BLOCK for side in size)
    return width, height
