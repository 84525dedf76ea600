"""Judging a detector: which finds are faces, and the figures that come of it, worked out by hand.

Two squares of side s, one moved sideways by d, overlap by (s - d) / (s + d): of side 100, by 0.48
at 35, 0.43 at 40, 0.33 at 50 and 0.29 at 55.
"""

import json
from math import inf
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.bundle import load_bundle
from edge.config import Detector
from edge.demo.portraits import HOPPER, find_photo
from edge.finder import detector_in
from edge.sources.pictures import read_picture
from edge.vision.boxes import overlaps
from tests.found import Square, found
from train.detector.comparing import comparison_table, figures_at, measure
from train.detector.figures import average_precision, curve, figures, threshold_at
from train.detector.judging import ALL, LARGE, SMALL, Judged, Sizes, judge, missed
from train.detector.landmarks import distances, landmarks_apart
from train.detector.matching import Found, found_in, match
from train.detector.photos import LONGEST, Photo

FACE: Square = (0, 0, 100)
FAR: Square = (500, 500, 100)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 0, 100), (0, 0, 100), 1.0),
        ((0, 0, 100), (50, 0, 100), 1 / 3),
        ((0, 0, 100), (50, 50, 100), 2500 / 17500),
        ((0, 0, 100), (25, 25, 50), 0.25),
        ((0, 0, 100), (100, 0, 100), 0.0),
        ((0, 0, 100), (300, 0, 100), 0.0),
        ((0, 0, 100), (50, 50, 0), 0.0),
        ((50, 50, 0), (50, 50, 0), 0.0),
    ],
)
def test_overlap_is_what_two_boxes_share_of_what_they_cover(
    first: Square, second: Square, expected: float
) -> None:
    of = found(finds=[(first, 1.0)], bare=[second])
    assert overlaps(of.boxes, of.faces)[0, 0] == pytest.approx(expected)
    assert overlaps(of.faces, of.boxes)[0, 0] == pytest.approx(expected)


def test_overlaps_of_no_boxes_are_none() -> None:
    none, one = np.empty((0, 4)), found(bare=[FACE]).faces
    assert overlaps(none, one).shape == (0, 1)
    assert overlaps(one, none).shape == (1, 0)


@pytest.mark.parametrize(
    ("photo", "taken"),
    [
        (found([(FACE, 0.9)], bare=[FACE]), [0]),
        (found([((40, 0, 100), 0.9)], bare=[FACE]), [0]),
        (found([((50, 0, 100), 0.9)], bare=[FACE]), [-1]),
        (found([(FACE, 0.5), ((10, 0, 100), 0.9)], bare=[FACE]), [-1, 0]),
        (found([(FACE, 0.9), (FACE, 0.9)], bare=[FACE]), [0, -1]),
        # Both faces are free to the first find, which is nearer to the second.
        (found([((30, 0, 100), 0.9)], bare=[FACE], masked=[(40, 0, 100)]), [1]),
        # The second find's nearest face is taken: it has the other, 0.43 away.
        (
            found([(FACE, 0.9), (FACE, 0.8), (FACE, 0.7)], bare=[FACE], masked=[(40, 0, 100)]),
            [0, 1, -1],
        ),
        (found([(FACE, 0.9)]), [-1]),
        (found(bare=[FACE]), []),
        (found(), []),
    ],
)
def test_the_highest_score_chooses_first_and_each_face_is_taken_once(
    photo: Found, taken: list[int]
) -> None:
    assert match(photo).face.tolist() == taken


def test_the_overlap_asked_for_decides() -> None:
    photo = found([((40, 0, 100), 0.9)], bare=[FACE])
    assert match(photo, 0.4).face.tolist() == [0]
    assert match(photo, 0.5).face.tolist() == [-1]


@pytest.mark.parametrize(
    ("photo", "sizes", "false"),
    [
        # Nothing there.
        (found([(FAR, 0.9)], bare=[FACE]), ALL, 1),
        # Too small to be asked about, itself.
        (found([((500, 500, 19), 0.9)]), ALL, 0),
        (found([((500, 500, 20), 0.9)]), ALL, 1),
        (found([((500, 500, 39), 0.9)]), LARGE, 0),
        (found([((500, 500, 40), 0.9)]), SMALL, 0),
        # A second find on a face, and one that is off it.
        (found([(FACE, 0.9), (FACE, 0.8)], bare=[FACE]), ALL, 1),
        (found([((50, 0, 100), 0.9)], bare=[FACE]), ALL, 1),
        # The face that it is near to, or is, is too small to be asked about.
        (found([((0, 0, 50), 0.9), ((2, 2, 48), 0.8)], bare=[(0, 0, 36)]), LARGE, 0),
        (found([((0, 0, 50), 0.9), ((2, 2, 48), 0.8)], bare=[(0, 0, 36)]), ALL, 1),
        # A head that nobody asks about: from an overlap of 0.3 on it is left alone.
        (found([((50, 0, 100), 0.9)], others=[FACE]), ALL, 0),
        (found([((55, 0, 100), 0.9)], others=[FACE]), ALL, 1),
        (found([(FACE, 0.9), (FACE, 0.8)], others=[FACE]), ALL, 0),
        # The others repeat labelled faces, and these go first.
        (found([(FACE, 0.9), (FACE, 0.8)], bare=[FACE], others=[FACE]), ALL, 1),
        (found(), ALL, 0),
    ],
)
def test_what_is_a_false_face(photo: Found, sizes: Sizes, false: int) -> None:
    assert figures(judge([photo]), sizes, 0.0).false_faces == false


def four_faces() -> Judged:
    """Two photos with four faces; from the best score: true, false, true, true, and one missed."""
    first = found(
        [(FACE, 0.9), (FAR, 0.8), ((200, 0, 100), 0.7)],
        bare=[FACE],
        masked=[(200, 0, 100), (0, 200, 100)],
    )
    return judge([first, found([((5, 0, 100), 0.6)], masked=[FACE])])


def test_the_curve_follows_all_thresholds() -> None:
    follows = curve(four_faces(), ALL)
    assert follows.thresholds.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert follows.precision == pytest.approx([1, 1 / 2, 2 / 3, 3 / 4])
    assert follows.false_per_photo.tolist() == [0, 0.5, 0.5, 0.5]
    assert follows.recall["both"].tolist() == [0.25, 0.25, 0.5, 0.75]
    assert follows.recall["bare"].tolist() == [1, 1, 1, 1]
    assert follows.recall["masked"] == pytest.approx([0, 0, 1 / 3, 2 / 3])


def test_finds_of_one_score_stand_or_fall_together() -> None:
    photo = found([(FACE, 0.9), (FAR, 0.9), ((200, 0, 100), 0.9)], bare=[FACE, (200, 0, 100)])
    follows = curve(judge([photo]), ALL)
    assert follows.thresholds.tolist() == [0.9]
    assert follows.precision == pytest.approx([2 / 3])
    assert follows.recall["both"].tolist() == [1]


@pytest.mark.parametrize(
    ("recall", "precision", "expected"),
    [
        ([1.0], [1.0], 1.0),
        # 1 up to 1/4, then the best that still comes, 3/4.
        ([0.25, 0.25, 0.5, 0.75], [1, 1 / 2, 2 / 3, 3 / 4], 0.25 + 0.5 * 0.75),
        # What never gets better counts as it is: 1/2 up to 1/2, 1/3 up to 1.
        ([0, 0.5, 1], [0, 1 / 2, 1 / 3], 0.5 / 2 + 0.5 / 3),
        ([], [], 0.0),
    ],
)
def test_average_precision_is_the_area_under_the_best_precision_still_to_come(
    recall: list[float], precision: list[float], expected: float
) -> None:
    area = average_precision(np.array(recall, float), np.array(precision, float))
    assert area == pytest.approx(expected)


def test_figures_at_a_threshold_by_class() -> None:
    at = figures(four_faces(), ALL, 0.7)
    assert (at.false_faces, at.false_per_photo) == (1, 0.5)
    counts = {kind: (recall.found, recall.faces) for kind, recall in at.recall.items()}
    assert counts == {"both": (2, 4), "bare": (1, 1), "masked": (1, 3)}
    assert at.recall["masked"].share == pytest.approx(1 / 3)
    assert at.recall["both"].average_precision == pytest.approx(0.625)
    assert at.recall["bare"].average_precision == 1
    # Of three: one comes with a precision of 3/4 still ahead, and so does the other.
    assert at.recall["masked"].average_precision == pytest.approx(2 / 3 * 3 / 4)
    low, high = at.recall["both"].interval
    assert low < 0.5 < high


def test_a_score_at_the_threshold_counts() -> None:
    judged = four_faces()
    assert figures(judged, ALL, 0.8).false_faces == 1
    assert figures(judged, ALL, 0.9).recall["bare"].found == 1
    assert len(missed(judged, ALL, 0.8)[1]) == 1
    assert len(missed(judged, ALL, 0.9)[0]) == 3


def test_figures_by_size() -> None:
    squares = [(0, 0, 19), (100, 0, 20), (200, 0, 39), (300, 0, 40), (400, 0, 200)]
    finds = [(square, 0.9) for square in squares[:4]] + [((0, 500, 30), 0.8), ((0, 600, 60), 0.7)]
    judged = judge([found(finds, masked=squares)])
    counts = {}
    for sizes in (ALL, LARGE, SMALL):
        at = figures(judged, sizes, 0.5)
        counts[sizes.name] = (at.recall["both"].found, at.recall["both"].faces, at.false_faces)
    assert counts == {"20+ px": (3, 4, 2), "40+ px": (1, 2, 1), "20-40 px": (2, 2, 1)}


@pytest.mark.parametrize(("allowed", "threshold"), [(0.0, 0.9), (0.4, 0.9), (0.5, 0.6), (1.0, 0.6)])
def test_the_threshold_keeps_to_the_false_faces_allowed(allowed: float, threshold: float) -> None:
    judged = four_faces()
    assert threshold_at(judged, allowed, ALL) == threshold
    assert figures(judged, ALL, threshold).false_per_photo <= allowed


def test_no_threshold_keeps_to_them_where_the_best_score_is_false() -> None:
    judged = judge([found([(FAR, 0.9), (FACE, 0.9)], bare=[FACE])])
    assert threshold_at(judged, 0.5, ALL) == inf
    assert figures_at(judged, ALL).recall["bare"].found == 0


def test_a_share_that_floats_cannot_hold_is_kept_to() -> None:
    # 0.29 * 100 is 28.999999999999996.
    photos = [found([(FACE, 0.9), (FAR, 0.5)], bare=[FACE]) for _ in range(29)]
    photos += [found([(FACE, 0.9)], bare=[FACE]) for _ in range(71)]
    assert threshold_at(judge(photos), 0.29, ALL) == 0.5


def test_small_faces_are_judged_at_the_threshold_for_all() -> None:
    # The large false face sets the threshold for 20 pixels and more, so for 20 to 40 as well.
    finds = [((0, 0, 30), 0.6), (FAR, 0.7), ((200, 0, 100), 0.8)]
    judged = judge([found(finds, masked=[(0, 0, 30), (200, 0, 100)])])
    assert [figures_at(judged, sizes).threshold for sizes in (SMALL, ALL, LARGE)] == [0.8] * 3
    assert figures_at(judged, SMALL).recall["masked"].found == 0


@pytest.mark.parametrize("photos", [[], [found()], [found(bare=[FACE])], [found([(FAR, 0.9)])]])
def test_where_there_is_nothing_there_are_no_figures(photos: list[Found]) -> None:
    judged = judge(photos)
    faces = sum(len(photo.faces) for photo in photos)
    at = figures_at(judged, ALL)
    assert at.threshold == inf
    assert at.false_faces == 0
    assert at.recall["bare"].share == (0 if faces else None)
    assert at.recall["bare"].average_precision == (0 if faces else None)
    assert at.recall["masked"].share is None
    assert at.recall["masked"].interval is None
    assert "masked" not in curve(judged, ALL).recall
    assert comparison_table({"ours": judged}).count("ours") == 3
    json.dumps(measure(photos, 0.5), allow_nan=False)


def test_what_is_missed_and_false_comes_worst_first() -> None:
    first = found(
        [((200, 0, 100), 0.4), (FAR, 0.6), ((700, 0, 30), 0.3)],
        bare=[(0, 0, 50), (200, 0, 100)],
        masked=[(0, 900, 15)],
    )
    second = found([(FACE, 0.7), ((2, 0, 100), 0.9)], masked=[FACE, (200, 0, 80)])
    faces, false = missed(judge([first, second]), ALL, 0.5)
    assert [(one.photo, one.size, one.score) for one in faces] == [
        (0, 100, 0.4),
        (1, 80, None),
        (0, 50, None),
    ]
    assert [(one.photo, one.score, one.second) for one in false] == [
        (1, 0.7, True),
        (0, 0.6, False),
    ]
    assert false[0].near is not None
    assert false[1].near is None


def test_a_find_off_a_missed_face_is_no_second_find() -> None:
    photo = found([((50, 0, 100), 0.9), (FACE, 0.8)], bare=[FACE])
    _, false = missed(judge([photo]), ALL, 0.5)
    assert [(one.score, one.second) for one in false] == [(0.9, False)]


def test_landmarks_are_apart_by_a_share_of_the_width() -> None:
    points = np.zeros((2, 5, 2))
    moved = points.copy()
    moved[0] += (3, 4)
    moved[1, 0] += (0, 10)
    assert distances(points, moved, np.array([100.0, 20.0])) == pytest.approx([0.05, 0.1])


def test_landmarks_are_compared_on_the_faces_that_both_found() -> None:
    second: Square = (200, 0, 50)
    third: Square = (400, 0, 50)
    ours = found(
        [(second, 0.9), (FAR, 0.8), (FACE, 0.7), (third, 0.6)],
        bare=[FACE],
        masked=[second, third],
        landmarks=np.array([[(210, 10)] * 5, [(0, 0)] * 5, [(20, 20)] * 5, [(0, 0)] * 5], float),
    )
    theirs = found(
        [(FACE, 0.9), (second, 0.8)],
        bare=[FACE],
        masked=[second, third],
        landmarks=np.array([[(22, 20)] * 5, [(210, 15)] * 5], float),
    )
    nothing = found(masked=[FACE], landmarks=np.empty((0, 5, 2)))
    apart = landmarks_apart([ours, nothing], [theirs, nothing])
    assert {kind: one.faces for kind, one in apart.items()} == {"both": 2, "bare": 1, "masked": 1}
    assert apart["bare"].median == pytest.approx(0.02)
    assert apart["masked"].median == pytest.approx(0.1)
    assert apart["both"].median == pytest.approx(0.06)
    assert apart["both"].worst == pytest.approx(0.02 + 0.95 * 0.08)


def test_finds_under_a_threshold_are_left_out() -> None:
    points = np.arange(20.0).reshape(2, 5, 2)
    kept = found([(FACE, 0.4), (FAR, 0.5)], bare=[FACE], landmarks=points).above(0.5)
    assert kept.scores.tolist() == [0.5]
    assert kept.boxes.tolist() == [[500, 500, 600, 600]]
    assert kept.landmarks is not None
    assert np.array_equal(kept.landmarks, points[1:])
    assert len(kept.faces) == 1


def test_detectors_are_compared_in_one_table() -> None:
    table = comparison_table({"ours": four_faces(), "theirs": judge([found(masked=[FACE])])})
    lines = [line.split() for line in table.splitlines()]
    assert [line[:3] for line in lines[2:4]] == [["40+", "px", "ours"], ["40+", "px", "theirs"]]
    # Threshold, false faces per photo, recall of bare and masked faces, average precisions.
    assert lines[2][3:] == ["0.90000", "0.00", "100.00", "0.00", "62.50", "100.00", "50.00"]
    assert lines[3][3:] == ["0.00", "0.00", "0.00", "0.00"]


def test_the_figures_for_a_file_are_by_overlap_size_and_threshold() -> None:
    photo = found([((40, 0, 100), 0.9)], bare=[FACE])
    measured = json.loads(json.dumps(measure([photo], 0.95)))
    assert measured["photos"] == 1
    large = measured["overlap_0.4"]["40+ px"]
    assert large["at_false_faces_allowed"]["recall"]["bare"]["share"] == 1
    assert large["at_false_faces_allowed"]["threshold"] == 0.9
    assert large["at_threshold"]["recall"]["bare"]["share"] == 0
    strict = measured["overlap_0.5"]["40+ px"]["at_false_faces_allowed"]
    assert strict["threshold"] is None
    assert strict["recall"]["bare"]["share"] == 0


def test_a_real_detector_finds_a_real_face_in_a_photo_that_is_shrunk(tmp_path: Path) -> None:
    portrait = read_picture(find_photo(HOPPER))
    path = tmp_path / "large.jpg"
    cv2.imwrite(str(path), cv2.resize(portrait, None, fx=4, fy=4)[:, :, ::-1])
    box = HOPPER.box
    sides = np.array([[box.left, box.top, box.right, box.bottom]]) * 4
    photo = Photo(path, "one", "portraits", sides, np.array([False]), sides + 5)
    # The noted landmarks are the stock detector's.
    settings = Detector(kind="mtcnn", min_face=100)
    seen = found_in(photo, detector_in(load_bundle(settings.bundle), settings))
    scale = LONGEST / (4 * len(portrait))
    assert seen.faces == pytest.approx(sides * scale)
    assert seen.others == pytest.approx((sides + 5) * scale)
    assert figures(judge([seen]), ALL, 0.9).recall["bare"].found == 1
    expected = np.array(HOPPER.landmarks.points)
    assert seen.landmarks is not None
    best = seen.landmarks[int(seen.scores.argmax())]
    assert best == pytest.approx(expected * 4 * scale, abs=0.05 * box.width * 4 * scale)


def test_a_photo_without_finds_still_holds_its_faces(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((120, 120, 3), 128, np.uint8))
    sides = np.array([[10.0, 10.0, 60.0, 60.0]])
    photo = Photo(path, "one", "grey", sides, np.array([True]), np.empty((0, 4)))
    settings = Detector()
    seen = found_in(photo, detector_in(load_bundle(settings.bundle), settings))
    assert (seen.boxes.shape, seen.scores.shape) == ((0, 4), (0,))
    assert seen.landmarks is not None
    assert seen.landmarks.shape == (0, 5, 2)
    assert figures(judge([seen]), ALL, 0.0).recall["masked"].faces == 1
