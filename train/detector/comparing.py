"""Several detectors on the same photos: a table for the terminal, figures for a file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isinf
from typing import Any

from edge.show.table import table_lines
from train.detector.figures import FALSE_PER_PHOTO, Figures, figures, threshold_at
from train.detector.judging import BARE, BOTH, LARGE, MASKED, RANGES, Judged, Sizes, judge
from train.detector.matching import OVERLAP, STRICT, Found

HEAD = (
    "faces", "detector", "threshold", "false per photo", "bare %", "masked %", "AP %", "AP bare %",
    "AP masked %",
)  # fmt: skip


def figures_at(judged: Judged, sizes: Sizes, false_per_photo: float = FALSE_PER_PHOTO) -> Figures:
    """Give the figures at the threshold that keeps to so many false faces per photo.

    Those false faces are the ones of `sizes.low` and more: nobody looks for small faces only.
    """
    return figures(judged, sizes, threshold_at(judged, false_per_photo, Sizes(sizes.low)))


def comparison_table(judged: Mapping[str, Judged]) -> str:
    """Lay out recall by size and class at FALSE_PER_PHOTO, and average precision, as text.

    Args:
        judged: by the detector's name, on the same photos.
    """
    rows = [
        _row(sizes.name, name, figures_at(one, sizes))
        for sizes in RANGES
        for name, one in judged.items()
    ]
    return "\n".join(table_lines(HEAD, rows))


def _row(sizes: str, name: str, at: Figures) -> list[object]:
    shares = [at.recall[kind].share for kind in (BARE, MASKED)]
    precisions = [at.recall[kind].average_precision for kind in (BOTH, BARE, MASKED)]
    return [
        sizes,
        name,
        None if isinf(at.threshold) else f"{at.threshold:.5f}",
        at.false_per_photo,
        *(None if share is None else share * 100 for share in (*shares, *precisions)),
    ]


def measure(found: Sequence[Found], threshold: float) -> dict[str, Any]:
    """Measure a detector, as metrics.json holds it.

    Args:
        found: what it found in each photo.
        threshold: the score from which it reports a face.

    Returns:
        "photos", their number; for each overlap that makes a find a face, for each range of sizes,
        the figures at FALSE_PER_PHOTO and at the threshold; shares are of 0..1.
    """
    measured: dict[str, Any] = {"photos": len(found), "false_faces_allowed": FALSE_PER_PHOTO}
    for overlap in (OVERLAP, STRICT):
        judged = judge(found, overlap)
        measured[f"overlap_{overlap:g}"] = {
            sizes.name: {
                "at_false_faces_allowed": _as_json(figures_at(judged, sizes)),
                "at_threshold": _as_json(figures(judged, sizes, threshold)),
            }
            for sizes in RANGES
        }
    return measured


def figures_in(conditions: Mapping[str, Sequence[Found]], threshold: float) -> dict[str, Figures]:
    """Give a detector's figures for faces of 40 pixels and more, by the photos' condition.

    Args:
        conditions: what it found in each photo, as it is or made worse, by the condition's name.
        threshold: the score from which it reports a face.
    """
    return {how: figures(judge(found), LARGE, threshold) for how, found in conditions.items()}


def measure_worse(
    worse: Mapping[str, Sequence[Found]], threshold: float
) -> dict[str, dict[str, Any]]:
    """Measure a detector on photos made worse, as metrics.json holds it: see `figures_in`."""
    return {how: _as_json(at) for how, at in figures_in(worse, threshold).items()}


def _as_json(at: Figures) -> dict[str, Any]:
    """JSON knows no infinity: where no threshold does, there is none."""
    return {**asdict(at), "threshold": None if isinf(at.threshold) else at.threshold}
