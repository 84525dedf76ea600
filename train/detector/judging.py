"""Which faces a detector found, which it missed, and what it took for a face."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from edge.values import Box
from edge.vision.boxes import Rows
from train.detector.matching import OVERLAP, Found, match
from train.judging.metrics import SMALLEST

BOTH, BARE, MASKED = "both", "bare", "masked"
KINDS = (BOTH, BARE, MASKED)
"""Of faces, all of which figures are given for."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """A range of face sizes: longer sides in pixels, from `low` to below `high`."""

    low: float
    high: float = inf

    @property
    def name(self) -> str:
        """E.g. "20-40 px"."""
        return f"{self.low:g}+ px" if self.high == inf else f"{self.low:g}-{self.high:g} px"

    def hold(self, size: float) -> bool:
        """Whether a size is in the range."""
        return self.low <= size < self.high


LARGE, SMALL, ALL = Sizes(40.0), Sizes(SMALLEST, 40.0), Sizes(SMALLEST)
RANGES = (LARGE, SMALL, ALL)
"""What figures are given for: 40 pixels is what the device looks for by default."""


@dataclass(frozen=True, slots=True)
class LookedFor:
    """A labelled face, and whether it was found."""

    photo: int
    """Number of the photo."""
    box: Box
    masked: bool
    score: float | None
    """With which it was found; None if it was not, however low the threshold."""

    @property
    def size(self) -> float:
        """Longer side in pixels."""
        return max(self.box.width, self.box.height)

    def is_a(self, kind: str) -> bool:
        """Whether it belongs to one of KINDS."""
        return kind == BOTH or self.masked == (kind == MASKED)

    def found_at(self, threshold: float) -> bool:
        """Whether a find of this score or more is the face."""
        return self.score is not None and self.score >= threshold


@dataclass(frozen=True, slots=True)
class FalseFace:
    """A find that is no labelled face, and nothing to be left alone."""

    photo: int
    """Number of the photo."""
    box: Box
    score: float
    near: Box | None
    """The labelled face that it is near to; None: there is nothing."""
    second: bool
    """Whether a find of no lower score is that face."""

    @property
    def size(self) -> float:
        """Longer side in pixels."""
        return max(self.box.width, self.box.height)

    def counts_in(self, sizes: Sizes) -> bool:
        """Whether it is false when faces of these sizes are asked about.

        A find near a labelled face that is too small to be asked about counts neither way.
        """
        small = self.near is not None and max(self.near.width, self.near.height) < sizes.low
        return sizes.hold(self.size) and not small


@dataclass(frozen=True, slots=True)
class Judged:
    """What a detector made of a set of photos."""

    photos: int
    faces: list[LookedFor]
    false: list[FalseFace]


def judge(found: Sequence[Found], overlap: float = OVERLAP) -> Judged:
    """Match what a detector found in each photo with what is there.

    Args:
        found: one for each photo.
        overlap: intersection over union from which a find is a face.
    """
    faces: list[LookedFor] = []
    false: list[FalseFace] = []
    for photo, one in enumerate(found):
        there, wrong = _judge_photo(photo, one, overlap)
        faces += there
        false += wrong
    return Judged(len(found), faces, false)


def _judge_photo(
    photo: int, found: Found, overlap: float
) -> tuple[list[LookedFor], list[FalseFace]]:
    matches = match(found, overlap)
    boxes, finds = _boxes(found.faces), _boxes(found.boxes)
    masked: list[bool] = found.masked.tolist()
    scores: list[float] = found.scores.tolist()
    rows = list(zip(finds, scores, matches.face, matches.near, matches.left_alone, strict=True))
    taken = {int(face): score for _, score, face, _, _ in rows if face >= 0}
    faces = [
        LookedFor(photo, box, is_masked, taken.get(number))
        for number, (box, is_masked) in enumerate(zip(boxes, masked, strict=True))
    ]
    false = [
        FalseFace(
            photo,
            box,
            score,
            near=boxes[near] if near >= 0 else None,
            second=taken.get(int(near), -inf) >= score,
        )
        for box, score, face, near, left_alone in rows
        if face < 0 and not left_alone
    ]
    return faces, false


def _boxes(rows: Rows) -> list[Box]:
    return [Box(*map(float, row)) for row in rows]


def missed(
    judged: Judged, sizes: Sizes, threshold: float
) -> tuple[list[LookedFor], list[FalseFace]]:
    """Give the faces that are not found, the largest first, and the false, the surest first."""
    faces = [one for one in judged.faces if sizes.hold(one.size) and not one.found_at(threshold)]
    false = [one for one in judged.false if one.counts_in(sizes) and one.score >= threshold]
    return sorted(faces, key=lambda one: -one.size), sorted(false, key=lambda one: -one.score)
