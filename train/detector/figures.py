"""How good a detector is: recall, false faces, precision, over all thresholds and at one."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from train.detector.judging import BOTH, KINDS, Judged, LookedFor, Sizes
from train.judging.metrics import Numbers, wilson

FALSE_PER_PHOTO = 0.05
"""So many false faces per photo are put up with: one in twenty photos."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What a detector gives at each threshold at which something changes, the highest first."""

    thresholds: Numbers
    precision: Numbers
    """Share of the finds that are faces, bare or masked."""
    false_per_photo: Numbers
    recall: dict[str, Numbers]
    """Share of the faces found, for those of KINDS of which there are some."""


def curve(judged: Judged, sizes: Sizes) -> Curve:
    """Follow a detector over all thresholds; finds of one score stand or fall together."""
    faces = [face for face in judged.faces if sizes.hold(face.size)]
    false = np.sort([one.score for one in judged.false if one.counts_in(sizes)])
    scores = {kind: _scores(faces, kind) for kind in KINDS}
    thresholds = np.unique(np.concatenate([scores[BOTH], false]))[::-1]
    # How many of the sorted scores reach each threshold.
    true = len(scores[BOTH]) - np.searchsorted(scores[BOTH], thresholds)
    wrong = len(false) - np.searchsorted(false, thresholds)
    recall = {}
    for kind in KINDS:
        if of := sum(face.is_a(kind) for face in faces):
            recall[kind] = (len(scores[kind]) - np.searchsorted(scores[kind], thresholds)) / of
    return Curve(thresholds, true / (true + wrong), wrong / judged.photos, recall)


def _scores(faces: Sequence[LookedFor], kind: str) -> Numbers:
    """Of the faces of a kind that are found, from the lowest."""
    scores = [face.score for face in faces if face.score is not None and face.is_a(kind)]
    return np.sort(np.array(scores, np.float64))


def average_precision(recall: Numbers, precision: Numbers) -> float:
    """Area under the curve of precision against recall, all its points used.

    As PASCAL VOC does since 2010 (development kit of VOC2012, section 3.4.1): at each recall, the
    best precision that this recall or a higher one is reached with.

    Args:
        recall: of falling thresholds, so it never falls.
        precision: at the same thresholds.
    """
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * best))


def threshold_at(judged: Judged, false_per_photo: float, sizes: Sizes) -> float:
    """Give the lowest score at which there are no more false faces than that per photo.

    Returns:
        The score of a find; infinity where there is none or the best already are too many.
    """
    found = curve(judged, sizes)
    kept = found.thresholds[found.false_per_photo <= false_per_photo]
    return float(kept[-1]) if len(kept) else inf


@dataclass(frozen=True, slots=True)
class Recall:
    """How many of some faces are found."""

    faces: int
    found: int
    share: float | None
    """None where there are no such faces."""
    interval: tuple[float, float] | None
    """95 %, Wilson's."""
    average_precision: float | None
    """Over all thresholds: precision of all finds against the recall of these faces."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a detector gives at one threshold."""

    threshold: float
    false_faces: int
    false_per_photo: float
    recall: dict[str, Recall]
    """For each of KINDS."""


def figures(judged: Judged, sizes: Sizes, threshold: float) -> Figures:
    """Count what is found of the faces of some sizes by finds of this score or more."""
    false = sum(one.score >= threshold and one.counts_in(sizes) for one in judged.false)
    whole = curve(judged, sizes)
    faces = [face for face in judged.faces if sizes.hold(face.size)]
    recall = {}
    for kind in KINDS:
        hits = [face.found_at(threshold) for face in faces if face.is_a(kind)]
        of, found = len(hits), sum(hits)
        recall[kind] = Recall(
            of,
            found,
            found / of if of else None,
            wilson(found, of) if of else None,
            average_precision(whole.recall[kind], whole.precision) if of else None,
        )
    return Figures(threshold, false, false / max(1, judged.photos), recall)
