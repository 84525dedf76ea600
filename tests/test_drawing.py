import numpy as np
import pytest

from edge.show.drawing import MASKED, UNSURE, VIOLATION, Colour, annotate
from edge.values import Box, Face, Landmarks, Pixels, Track, Verdict

VIOLATIONS = {"face_no_mask", "face_with_mask_incorrect"}
GREY = 90


def frame(width: int = 640, height: int = 480) -> Pixels:
    return np.full((height, width, 3), GREY, np.uint8)


def track(box: Box, *, in_sight: bool = True) -> Track:
    points = Landmarks((0, 0), (0, 0), (0, 0), (0, 0), (0, 0))
    return Track(7, box, Face(box, 0.9, points) if in_sight else None, 0.0, 0.0, 3)


def pixels_of(drawn: Pixels, colour: Colour) -> int:
    return int((drawn == colour).all(axis=2).sum())


def letters(drawn: Pixels) -> int:
    """Pixels of the white text, which nothing else is as bright as."""
    return int((drawn.min(axis=2) > GREY).sum())


@pytest.mark.parametrize(
    ("label", "colour"),
    [
        ("face_with_mask", MASKED),
        ("face_no_mask", VIOLATION),
        ("face_with_mask_incorrect", VIOLATION),
        (None, UNSURE),
    ],
)
def test_the_colour_tells_masked_violation_and_unsure_apart(label: str | None, colour: Colour):
    person = track(Box(200, 200, 300, 320)), Verdict(label, 0.97, 4)
    drawn = annotate(frame(), [person], VIOLATIONS)
    for other in (MASKED, VIOLATION, UNSURE):
        assert (pixels_of(drawn, other) > 500) == (other == colour)


def test_the_frame_itself_stays_as_it_was():
    pixels = frame()
    drawn = annotate(pixels, [(track(Box(200, 200, 300, 320)), Verdict(None, 0, 0))], VIOLATIONS)
    assert (pixels == GREY).all()
    assert drawn.flags.c_contiguous
    assert drawn.dtype == np.uint8


def test_the_inside_of_the_face_is_left_free():
    person = track(Box(200, 200, 300, 320)), Verdict("face_with_mask", 1.0, 4)
    drawn = annotate(frame(), [person], VIOLATIONS)
    assert (drawn[206:314, 206:294] == GREY).all()


def test_who_is_lost_from_sight_is_not_drawn():
    person = track(Box(200, 200, 300, 320), in_sight=False), Verdict("face_no_mask", 1.0, 4)
    assert (annotate(frame(), [person], VIOLATIONS) == GREY).all()


@pytest.mark.parametrize(
    "box",
    [
        Box(0, 0, 60, 80),
        Box(590, 2, 640, 60),
        Box(-30, 420, 40, 500),
        Box(600, 440, 700, 520),
        Box(0, 0, 640, 480),
    ],
)
def test_the_text_stays_whole_within_the_frame(box: Box):
    whole, drawn = (
        annotate(frame(), [(track(where), Verdict("face_no_mask", 0.5, 1))], set())
        for where in (Box(300, 200, 301, 201), box)
    )
    assert letters(whole) > 200
    assert letters(drawn) == letters(whole)


@pytest.mark.parametrize("size", [(1, 1), (64, 48), (7680, 4320)])
def test_frames_of_any_size_can_be_drawn_on(size: tuple[int, int]):
    width, height = size
    person = track(Box(0.2 * width, 0.2 * height, 0.6 * width, 0.6 * height))
    drawn = annotate(frame(width, height), [(person, Verdict("face_no_mask", 0.5, 1))], VIOLATIONS)
    assert drawn.shape == (height, width, 3)


def test_a_label_with_signs_that_the_font_lacks_is_still_drawn():
    person = track(Box(200, 200, 300, 320)), Verdict("Ohne Maske — größer", 0.5, 1)
    assert pixels_of(annotate(frame(), [person], ()), MASKED) > 500
