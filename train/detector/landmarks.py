"""How far two detectors' landmarks lie apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.detector.judging import BOTH, KINDS, MASKED
from train.detector.matching import Found, match


@dataclass(frozen=True, slots=True)
class Apart:
    """How far the landmarks of some faces lie apart, as shares of a face's width."""

    faces: int
    """That both detectors found."""
    median: float
    worst: float
    """95 % of the faces are no worse."""


def distances(
    first: NDArray[np.float64], second: NDArray[np.float64], widths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean distance of each face's five points, as share of its width.

    Args:
        first: k x 5 x 2, in pixels.
        second: the same points as another detector has them.
        widths: k, of the faces, in pixels.
    """
    return np.asarray(np.linalg.norm(first - second, axis=2).mean(axis=1) / widths)


def landmarks_apart(first: Sequence[Found], second: Sequence[Found]) -> dict[str, Apart]:
    """Compare the landmarks of the labelled faces that two detectors both found.

    Args:
        first: what one found in each photo, with landmarks.
        second: what the other found in the same photos, with landmarks.

    Returns:
        For those of KINDS of which both found some; the width is the labelled face's.
    """
    apart, masked = [np.zeros(0)], [np.zeros(0, np.bool_)]
    for one, other in zip(first, second, strict=True):
        assert one.landmarks is not None
        assert other.landmarks is not None
        # Of each labelled face, the number of the find that is it; -1: none.
        finds = np.stack([_finds(one), _finds(other)])
        both = (finds >= 0).all(axis=0)
        widths = (one.faces[:, 2] - one.faces[:, 0])[both]
        ours, theirs = finds[:, both]
        apart.append(distances(one.landmarks[ours], other.landmarks[theirs], widths))
        masked.append(one.masked[both])
    shares, is_masked = np.concatenate(apart), np.concatenate(masked)
    found = {}
    for kind in KINDS:
        chosen = shares if kind == BOTH else shares[is_masked == (kind == MASKED)]
        if len(chosen):
            median, worst = np.quantile(chosen, [0.5, 0.95])
            found[kind] = Apart(len(chosen), float(median), float(worst))
    return found


def _finds(found: Found) -> NDArray[np.intp]:
    taken = match(found).face
    finds = np.full(len(found.faces), -1, np.intp)
    finds[taken[taken >= 0]] = np.flatnonzero(taken >= 0)
    return finds
