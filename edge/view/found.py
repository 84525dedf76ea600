"""What the page is told of the people in a picture."""

from collections.abc import Collection, Sequence
from typing import Any

from edge.alerting.alerts import in_words, shares_of_frame
from edge.values import Box, Track, Verdict

People = Sequence[tuple[Track, Verdict]]


def describe(
    people: People, width: int, height: int, violations: Collection[str]
) -> list[dict[str, Any]]:
    """Say for the page who is where in a frame, and what is known of them.

    Args:
        people: everyone who is followed.
        width: of the frame, pixels.
        height: of the frame, pixels.
        violations: the labels that count as a violation.
    """
    return [_described(*one, width, height, violations) for one in people]


def _described(
    track: Track, verdict: Verdict, width: int, height: int, violations: Collection[str]
) -> dict[str, Any]:
    return {
        "id": track.id,
        "box": shares(track.box, width, height),
        "pixels": round(max(track.box.width, track.box.height)),
        "in_sight": track.face is not None,
        "kind": kind_of(verdict.label, violations),
        "label": in_words(verdict.label) if verdict.label else "unsure",
        "confidence": round(verdict.confidence, 3),
        "votes": verdict.votes,
    }


def shares(box: Box, width: int, height: int) -> list[float]:
    """Left, top, right and bottom as shares of a frame of this size, 0..1."""
    inside = shares_of_frame(box, width, height)
    return [round(edge, 4) for edge in (inside.left, inside.top, inside.right, inside.bottom)]


def kind_of(label: str | None, violations: Collection[str]) -> str:
    """Say what a label means here: masked, violation or unsure."""
    if label is None:
        return "unsure"
    return "violation" if label in violations else "masked"
