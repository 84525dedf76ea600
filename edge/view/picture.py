"""A frame as those who look at the page get it: a JPEG, and what was found in it."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import cv2
import numpy as np

from edge.alerting.alerts import in_words, shares_of_frame
from edge.values import Pixels, Track, Verdict
from edge.vision.pixelate import pixelate

_LONGEST: Final = 1280
"""Pixels of the longer side; a screen on a ladder shows no more, and encoding costs time."""
_QUALITY: Final = 80
People = Sequence[tuple[Track, Verdict]]


def to_jpeg(pixels: Pixels, people: People, *, hide_faces: bool) -> bytes:
    """Encode a frame.

    Args:
        pixels: RGB uint8, height x width x 3; stays as it is.
        people: everyone who is followed.
        hide_faces: pixelate them; also who was lost from sight, for the face may be there still.
    """
    if hide_faces:
        pixels = pixelate(pixels, [track.box for track, _ in people])
    scale = _LONGEST / max(pixels.shape[:2])
    if scale < 1:
        pixels = np.asarray(
            cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return jpeg.tobytes()


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
    box = shares_of_frame(track.box, width, height)
    return {
        "id": track.id,
        "box": [round(edge, 4) for edge in (box.left, box.top, box.right, box.bottom)],
        "pixels": round(max(track.box.width, track.box.height)),
        "in_sight": track.face is not None,
        "kind": kind_of(verdict.label, violations),
        "label": in_words(verdict.label) if verdict.label else "unsure",
        "confidence": round(verdict.confidence, 3),
        "votes": verdict.votes,
    }


def kind_of(label: str | None, violations: Collection[str]) -> str:
    """Say what a label means here: masked, violation or unsure."""
    if label is None:
        return "unsure"
    return "violation" if label in violations else "masked"
