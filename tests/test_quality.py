import cv2
import numpy as np
import pytest

from edge.bundle import load_bundle
from edge.config import Decision, Detector
from edge.demo.portraits import COLLINS, find_photo
from edge.finder import detector_in
from edge.sources.pictures import read_picture
from edge.values import Box, Landmarks, Pixels
from edge.vision.quality import is_fit, sharpness, turn


def looking(nose_x: float, tilt: float = 0.0) -> Landmarks:
    """Eyes 40 pixels apart with the nose at that share of the way between them, tilted."""
    turned = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    points = np.array([(0, 0), (40, 0), (40 * nose_x, 25), (10, 45), (30, 45)]) @ turned.T
    return Landmarks(*[(float(x), float(y)) for x, y in points])


@pytest.mark.parametrize(
    ("nose_x", "expected"), [(0.5, 0), (1.0, 0.5), (0.0, 0.5), (1.5, 1.0), (-0.5, 1.0)]
)
def test_the_turn_is_how_far_the_nose_is_from_the_middle(nose_x: float, expected: float) -> None:
    assert turn(looking(nose_x)) == pytest.approx(expected)


def test_a_tilted_head_is_not_turned_aside() -> None:
    # The nose lies below the line of the eyes, whichever way that line runs.
    assert turn(looking(0.5, tilt=0.6)) == pytest.approx(0)


def test_eyes_at_one_point_are_a_face_turned_away() -> None:
    point = (5.0, 5.0)
    assert turn(Landmarks(point, point, point, point, point)) == float("inf")


@pytest.fixture(scope="module")
def photo() -> Pixels:
    return read_picture(find_photo(COLLINS))


def test_the_more_a_face_is_blurred_the_less_sharp_it_is(photo: Pixels) -> None:
    found = [
        sharpness(np.asarray(cv2.GaussianBlur(photo, (0, 0), blur), np.uint8), COLLINS.box)
        for blur in (0.1, 3, 6, 12)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] > Decision().min_sharpness > found[-1]


def test_contrast_does_not_make_a_face_sharper(photo: Pixels) -> None:
    pale = (photo // 2 + 60).astype(np.uint8)
    assert sharpness(pale, COLLINS.box) == pytest.approx(sharpness(photo, COLLINS.box), rel=0.15)


@pytest.mark.parametrize("box", [Box(-50, -50, -10, -10), Box(10, 10, 11, 11), Box(0, 0, 512, 512)])
def test_boxes_outside_tiny_or_of_one_colour_have_no_detail(box: Box) -> None:
    assert sharpness(np.full((512, 512, 3), 99, np.uint8), box) == 0


def test_a_frontal_face_is_fit_and_a_tiny_or_turned_or_blurred_one_is_not(photo: Pixels) -> None:
    settings = Detector()
    (found,) = detector_in(load_bundle(settings.bundle), settings).detect(photo)
    assert is_fit(found, photo, min_face=40, max_turn=0.9, min_sharpness=0.02)
    assert not is_fit(found, photo, min_face=400, max_turn=0.9, min_sharpness=0.02)
    less = turn(found.landmarks) / 2
    assert not is_fit(found, photo, min_face=40, max_turn=less, min_sharpness=0.02)
    smeared = np.asarray(cv2.GaussianBlur(photo, (0, 0), 15), np.uint8)
    assert not is_fit(found, smeared, min_face=40, max_turn=0.9, min_sharpness=0.02)
