"""Photos that another data folder has in more pixels."""

from pathlib import Path

import cv2
import numpy as np

from edge.values import Landmarks
from train.data.annotations import BARE, MASKED
from train.data.rows import Reading, Row
from train.detector.larger import in_more_pixels, repeating_pictures
from train.detector.photos import Photo

MARKS = Landmarks((24, 18), (36, 18), (30, 25), (25, 31), (35, 31))


def write(path: Path, width: int, height: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), np.zeros((height, width, 3), np.uint8))
    return path


def photo(path: Path) -> Photo:
    return Photo(
        path,
        "photo 1.png",
        "scenes",
        np.array([[20, 10, 40, 36], [60, 10, 70, 20]], float),
        np.array([True, False]),
        np.array([[1, 2, 3, 4]], float),
        landmarks={0: MARKS},
    )


def test_a_picture_repeats_the_photo_that_same_photo_csv_names(tmp_path: Path) -> None:
    scenes, large = tmp_path / "scenes", tmp_path / "large"
    drawn = [
        Row("line 2", scenes, "1.png", MASKED, (1, 2, 3, 4), "photo 1.png"),
        Row("line 3", scenes, "1.png", BARE, (5, 6, 7, 8), "photo 1.png"),
        Row("line 4", scenes, "2.png", BARE, (1, 2, 3, 4), "photo 2.png"),
    ]
    # It may have the name of the photo, or of another one.
    again = [Row("a.xml", large, "2.png", BARE, (1, 2, 3, 4), "photo 1.png")]
    readings = [
        Reading("large", again, repeating=[(large / "2.png", "1.png")]),
        Reading("scenes", drawn),
    ]
    readable = {scenes / "1.png", large / "2.png"}
    assert repeating_pictures(readings, readable) == {scenes / "1.png": large / "2.png"}
    # On its own a folder repeats nothing.
    for one in readings:
        assert repeating_pictures([one], readable) == {}
    # Nor does a picture that is missing.
    assert repeating_pictures(readings, {scenes / "1.png"}) == {}


def test_a_photo_is_learnt_from_in_its_larger_form_with_its_own_labels(tmp_path: Path) -> None:
    small, large = write(tmp_path / "1.png", 100, 50), write(tmp_path / "a.png", 200, 150)
    shown = in_more_pixels(photo(small), {small: large})
    assert shown.path == large
    np.testing.assert_allclose(shown.boxes, [[40, 30, 80, 108], [120, 30, 140, 60]])
    np.testing.assert_allclose(shown.others, [[2, 6, 6, 12]])
    np.testing.assert_allclose(shown.landmarks[0].nose, (60, 75))
    assert shown.masked.tolist() == [True, False]
    assert shown.group == "photo 1.png"


def test_a_photo_that_is_repeated_in_no_more_pixels_stays_as_it_is(tmp_path: Path) -> None:
    small = write(tmp_path / "1.png", 100, 50)
    same, other = write(tmp_path / "a.png", 100, 50), write(tmp_path / "b.png", 300, 150)
    assert in_more_pixels(photo(small), {small: same}).path == small
    assert in_more_pixels(photo(small), {same: other}).path == small
