"""Draw what was found into a frame."""

from collections.abc import Collection, Sequence

import cv2

from edge.alerting.alerts import in_words
from edge.values import Box, Pixels, Track, Verdict

Colour = tuple[int, int, int]
"""Red, green, blue."""

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
MASKED: Colour = (24, 128, 56)
VIOLATION: Colour = (200, 30, 40)
UNSURE: Colour = (255, 184, 28)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotate(
    pixels: Pixels, people: Sequence[tuple[Track, Verdict]], violations: Collection[str]
) -> Pixels:
    """Draw a box around each face in sight, with its label, confidence and track id.

    Args:
        pixels: RGB uint8, height x width x 3; stays as it is.
        people: the tracks and what is known of each; who is not in sight is not drawn.
        violations: the labels that count as a violation.

    Returns:
        A copy with the boxes: green for masked, red for a violation, amber while unsure.
    """
    drawn: Pixels = pixels.copy()
    # 1 at 640 x 480, so that text stays readable in larger and small in smaller frames.
    scale = max(0.5, min(drawn.shape[0] / 480, drawn.shape[1] / 640))
    for track, verdict in people:
        if track.face is not None:
            colour = _colour(verdict, violations)
            _draw_box(drawn, track.box, colour, scale)
            _draw_text(drawn, track.box, _text(track, verdict), colour, scale)
    return drawn


def _colour(verdict: Verdict, violations: Collection[str]) -> Colour:
    if verdict.label is None:
        return UNSURE
    return VIOLATION if verdict.label in violations else MASKED


def _text(track: Track, verdict: Verdict) -> str:
    if verdict.label is None:
        return f"#{track.id} unsure"
    text = f"#{track.id} {in_words(verdict.label)} {verdict.confidence:.0%}"
    # OpenCV's fonts have no other signs; a label may.
    return text.encode("ascii", "replace").decode()


def _draw_box(drawn: Pixels, box: Box, colour: Colour, scale: float) -> None:
    first = round(box.left), round(box.top)
    last = round(box.right) - 1, round(box.bottom) - 1
    line = max(1, round(2 * scale))
    cv2.rectangle(drawn, first, last, BLACK, line + 2, cv2.LINE_AA)
    cv2.rectangle(drawn, first, last, colour, line, cv2.LINE_AA)


def _draw_text(drawn: Pixels, box: Box, text: str, colour: Colour, scale: float) -> None:
    """Text on a plate of the colour, above the box or, at the top of the frame, below it."""
    size, line, margin = 0.5 * scale, max(1, round(scale)), round(4 * scale)
    (width, height), below = cv2.getTextSize(text, FONT, size, line)
    plate_width, plate_height = width + 2 * margin, height + below + 2 * margin
    left = max(0, min(round(box.left) - 1, drawn.shape[1] - plate_width))
    top = round(box.top) - 1 - plate_height
    if top < 0:
        top = max(0, min(round(box.bottom) + 1, drawn.shape[0] - plate_height))
    cv2.rectangle(drawn, (left, top), (left + plate_width, top + plate_height), colour, cv2.FILLED)
    ink = BLACK if colour == UNSURE else WHITE
    baseline = left + margin, top + margin + height
    cv2.putText(drawn, text, baseline, FONT, size, ink, line, cv2.LINE_AA)
