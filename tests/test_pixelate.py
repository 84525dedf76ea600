"""Pixelated faces: what is left of them, and what stays as it was."""

import numpy as np
import pytest

from edge.config import Detector
from edge.demo.portraits import COLLINS, find_photo
from edge.errors import MaskGateError
from edge.sources.pictures import read_picture
from edge.values import Box, Pixels
from edge.vision.pixelate import pixelate

FACE = Box(100, 80, 160, 160)
MOST = 5 * 5
"""Colours that a face may be left with: of four squares along it, and of those around."""


@pytest.fixture
def noise() -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)


def colours(pixels: Pixels) -> int:
    return len(np.unique(pixels.reshape(-1, 3), axis=0))


def test_a_face_is_left_with_a_handful_of_colours_and_the_rest_with_its_own(noise: Pixels) -> None:
    before = noise.copy()
    covered = pixelate(noise, [FACE])
    assert colours(covered[80:160, 100:160]) <= MOST
    assert np.array_equal(covered[:, 200:], noise[:, 200:])
    assert np.array_equal(covered[:50], noise[:50])
    assert np.array_equal(noise, before)


def test_hair_and_chin_are_covered_with_the_face(noise: Pixels) -> None:
    covered = pixelate(noise, [FACE])
    assert colours(covered[68:172, 88:172]) <= MOST


def test_faces_that_overlap_show_nothing_of_each_other(noise: Pixels) -> None:
    covered = pixelate(noise, [FACE, Box(130, 100, 190, 180)])
    assert colours(covered[80:160, 100:160]) <= 2 * MOST


def test_what_differs_within_a_square_only_leaves_no_trace(noise: Pixels) -> None:
    face = Box(100, 100, 160, 160)
    other = noise.copy()
    # Squares begin at 88, a fifth of a face before it, and are 16.8 pixels wide.
    other[89:104, 89:104] = other[89:104, 89:104][::-1, ::-1]
    assert not np.array_equal(other, noise)
    assert np.array_equal(pixelate(other, [face]), pixelate(noise, [face]))


def test_a_face_cut_off_by_the_border_is_covered_no_finer_than_a_whole_one(noise: Pixels) -> None:
    covered = pixelate(noise, [Box(-90, 80, 10, 180)])
    # Twenty pixels of room and ten of the face are in the picture: one square across, five down.
    assert colours(covered[60:200, :30]) <= 5


@pytest.mark.parametrize(
    "face",
    [
        Box(-30, -30, 20, 20),
        Box(300, 220, 400, 400),
        Box(-500, -500, -400, -400),
        Box(900, 900, 950, 950),
        Box(50, 50, 50.5, 50.5),
        Box(-10, -10, 400, 300),
    ],
)
def test_a_face_at_the_border_or_outside_is_no_trouble(noise: Pixels, face: Box) -> None:
    assert pixelate(noise, [face]).shape == noise.shape


def test_the_detector_finds_no_face_where_one_was_covered() -> None:
    from edge.config import Settings
    from edge.finder import detector_bundle, detector_in

    settings = Settings(detector=Detector(accelerator="cpu"))
    bundle = detector_bundle(settings)
    assert bundle is not None
    detector = detector_in(bundle, settings.detector)
    try:
        photo = read_picture(find_photo(COLLINS))
    except MaskGateError:
        pytest.skip("the photo is not installed")
    faces = [face.box for face in detector.detect(photo)]
    assert faces
    assert not list(detector.detect(pixelate(photo, faces)))
