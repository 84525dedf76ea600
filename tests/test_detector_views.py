"""What the detector is shown in training: parts of photos in every guise."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.values import Landmarks, Pixels
from edge.vision.boxes import Rows
from train.detector.collage import four_in_one, with_heads
from train.detector.disturb import disturbed, out_of_focus
from train.detector.feed import Draw, HeldBackViews, ViewFeed
from train.detector.nets import SOURCE
from train.detector.photos import Photo
from train.detector.stored import Picture, Stored, store
from train.detector.views import View, view_of, within

RED, GREEN = (250, 20, 20), (20, 250, 20)
NO_BOXES = np.empty((0, 4))
BOXES = np.array([[60.0, 50, 100, 100], [200, 120, 240, 170]])
MARKS = Landmarks((70, 65), (90, 65), (80, 78), (72, 90), (88, 90))


def photo_of(folder: Path, *, is_crop: bool = False) -> Photo:
    """A red bare face whose landmarks are known, and a green masked one, on grey."""
    pixels = np.full((240, 320, 3), 120, np.uint8)
    for (left, top, right, bottom), colour in zip(BOXES.astype(int), (RED, GREEN), strict=True):
        pixels[top:bottom, left:right] = colour
    path = folder / f"photo {is_crop}.png"
    cv2.imwrite(str(path), pixels[:, :, ::-1])
    masked = np.array([False, True])
    return Photo(path, "one", "drawn", BOXES, masked, NO_BOXES, is_crop, {0: MARKS})


def nobody(_: Pixels) -> Rows:
    return NO_BOXES


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    photos = [photo_of(tmp_path), photo_of(tmp_path, is_crop=True)]
    return store(photos, tmp_path / "pixels", nobody)


@pytest.fixture
def picture(stored: Stored) -> Picture:
    return stored.scenes[0]


def middles(boxes: Rows) -> np.ndarray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def middle_of(pixels: Pixels, box: np.ndarray) -> np.ndarray:
    """Of what has the colour of a box's middle, in and near the box."""
    room = (box[2:] - box[:2]) / 2
    left, top = np.maximum(box[:2] - room, 0).astype(int)
    right, bottom = np.minimum(box[2:] + room, 256).astype(int)
    x, y = ((box[:2] + box[2:]) / 2).astype(int)
    near = pixels[top:bottom, left:right].astype(int)
    same = np.abs(near - pixels[y, x].astype(int)).max(axis=2) < 60
    return np.argwhere(same).mean(axis=0)[::-1] + np.array([left, top])


def test_a_stored_photo_is_there_in_halves_with_its_faces(stored: Stored, picture: Picture) -> None:
    assert [size.shape[:2] for size in picture.sizes] == [(240, 320), (120, 160)]
    assert tuple(picture.sizes[0][75, 80]) == RED
    np.testing.assert_allclose(picture.boxes, BOXES)
    np.testing.assert_allclose(picture.points[0], MARKS.points)
    assert np.isnan(picture.points[1]).all()
    assert len(stored.crops) == 1


def test_a_face_that_nobody_labelled_is_no_background(tmp_path: Path) -> None:
    found = np.concatenate([BOXES + 2, [[10.0, 150, 40, 190]]])
    stored = store([photo_of(tmp_path)], tmp_path / "pixels", lambda _: found)
    np.testing.assert_allclose(stored.scenes[0].others, found[2:])


@pytest.mark.parametrize("size", [24.0, 60.0])
def test_a_views_boxes_lie_around_its_faces_whatever_was_done_to_it(
    picture: Picture, size: float
) -> None:
    masked = replace(picture, masked=np.array([True, True]))  # So that no mask is drawn.
    seen = 0
    for seed in range(25):
        view = view_of(masked, size, 256, np.random.default_rng(seed))
        whole = [
            box for box in view.boxes if box.min() > 1 and box.max() < 255 and (box[2:] > 0).all()
        ]
        for box in whole:
            found = middle_of(view.pixels, box)
            np.testing.assert_allclose((box[:2] + box[2:]) / 2, found, atol=2)
            seen += 1
        largest = (view.boxes[:, 2:] - view.boxes[:, :2]).max(initial=0)
        assert largest < size * 1.5
    assert seen > 20


def test_views_are_more_often_about_a_face_that_is_narrow(picture: Picture) -> None:
    boxes = np.array([[60.0, 50, 80, 100], [200, 120, 240, 170]])
    two = replace(picture, boxes=boxes, masked=np.array([True, True]))
    rng = np.random.default_rng(0)
    heights = []
    for _ in range(200):
        seen = view_of(two, 50, 256, rng, (128, 128))
        near = np.abs(middles(seen.boxes) - 128).sum(axis=1).argmin()
        heights.append(np.divide(*(seen.boxes[near, 2:] - seen.boxes[near, :2])))
    assert 0.65 < (np.array(heights) < 0.6).mean() < 0.85


def test_landmarks_go_with_the_face_and_change_sides_in_the_mirror(picture: Picture) -> None:
    mirrored = 0
    for seed in range(20):
        view = view_of(picture, 34, 256, np.random.default_rng(seed), (128, 128))
        for box, points in zip(view.boxes, view.points, strict=True):
            if np.isnan(points).any():
                continue
            left_eye, right_eye, nose = points[:3]
            assert left_eye[0] < right_eye[0]
            np.testing.assert_allclose(nose, (box[:2] + box[2:]) / 2, atol=5)
        red = middles(view.boxes[~np.isnan(view.points[:, 0, 0])])
        green = middles(view.boxes[np.isnan(view.points[:, 0, 0])])
        mirrored += bool(len(red) and len(green) and green[0, 0] < red[0, 0])
    assert 0 < mirrored < 20


def test_some_bare_faces_get_a_mask_drawn_and_their_landmarks_stay_known(picture: Picture) -> None:
    drawn = 0
    for seed in range(60):
        view = view_of(picture, 80, 256, np.random.default_rng(seed), (128, 128))
        bare = ~np.isnan(view.points[:, 0, 0])
        np.testing.assert_array_equal(view.masked, ~bare)
        for points in view.points[bare]:
            x, y = points[2:].mean(axis=0).astype(int)  # between nose and mouth
            if min(x, y) >= 0 and max(x, y) < 256:
                drawn += (view.pixels[y, x] != RED).any()
    assert 3 < drawn < 40


def plain(boxes: Rows, others: Rows = NO_BOXES) -> View:
    count = len(boxes)
    pixels = np.full((256, 256, 3), 120, np.uint8)
    return View(pixels, boxes, np.full((count, 5, 2), np.nan), np.zeros(count, bool), others)


def test_a_face_of_which_little_is_left_or_that_is_tiny_is_neither_face_nor_background() -> None:
    boxes = np.array(
        [[-30.0, 10, 10, 50], [-10, 60, 30, 100], [100, 100, 106, 107], [300, 0, 340, 40]]
    )
    view = within(plain(boxes))
    np.testing.assert_allclose(view.boxes, [[0, 60, 30, 100]])
    np.testing.assert_allclose(view.others, [[0, 10, 10, 50], [100, 100, 106, 107]])


def test_heads_that_are_put_in_hide_no_face(stored: Stored) -> None:
    added = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        before = plain(np.array([[90.0, 90, 170, 170]]))
        view = with_heads(before, lambda: stored.crops[0], rng)
        added += len(view.boxes) - 1
        assert not (before.pixels != 120).any()
        hidden = (view.pixels[90:170, 90:170] != 120).any(axis=2).mean()
        assert hidden < 0.6
        assert len(view.boxes) == len(view.points) == len(view.masked)
    assert added > 5


def test_four_in_one_keep_their_faces_within_their_parts(stored: Stored) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        view = four_in_one(256, lambda: stored.scenes[0], (20, 60), rng)
        assert len(view.boxes) == len(view.masked)
        assert view.boxes.min(initial=0) >= 0
        assert view.boxes.max(initial=0) <= 256


def test_disturbing_leaves_what_is_there_and_where(stored: Stored) -> None:
    before = plain(np.array([[90.0, 90, 170, 170]]))
    changed = 0
    for seed in range(10):
        after = disturbed(before, lambda: stored.crops[0], np.random.default_rng(seed))
        np.testing.assert_array_equal(after.boxes, before.boxes)
        changed += (after.pixels != before.pixels).any()
    assert changed >= 8


def test_a_face_out_of_focus_is_blurred_by_its_own_size_and_no_other_is_lost() -> None:
    """Shown by stripes, each a sixth of its face wide."""
    large, small = np.array([20.0, 20, 140, 140]), np.array([200.0, 200, 230, 230])
    pixels = np.zeros((256, 256, 3), np.uint8)
    for box in (large, small):
        left, top, right, bottom = box.astype(int)
        width = (right - left) // 6
        striped = (np.arange(right - left) // width % 2).astype(np.uint8) * 255
        pixels[top:bottom, left:right] = striped[None, :, None]
    left_over = []
    for seed in range(60):
        seen = out_of_focus(pixels, np.array([large, small]), np.random.default_rng(seed))
        left_over.append(
            [
                seen[int(box[1:4:2].mean()), int(box[0]) : int(box[2])].std() / 127.5
                for box in (large, small)
            ]
        )
    both = np.array(left_over)
    blurred = both < 0.97
    assert blurred.any(axis=1).mean() > 0.9
    assert 0.1 < blurred[:, 0].mean() < 0.9
    assert both[:, 0].min() < 0.6
    assert both.min() > 0.2


DRAW = Draw(side=64, batch=3, steps=2, seed=5)


def test_the_same_batch_comes_out_the_same_and_another_one_different(stored: Stored) -> None:
    feed = ViewFeed(stored, SOURCE, DRAW)
    pictures, wanted = feed.batch(1, 1)
    assert pictures.shape == (3, 64, 64, 3)
    assert wanted.shape == (3, 4 * 21, 17)
    assert -1 <= pictures.min() < pictures.max() <= 1
    np.testing.assert_array_equal(pictures, feed.batch(1, 1)[0])
    np.testing.assert_array_equal(wanted, feed.batch(1, 1)[1])
    assert (pictures != feed.batch(1, 0)[0]).any()


@pytest.mark.parametrize("kind", ["scenes", "crops"])
def test_photos_of_one_kind_alone_do(stored: Stored, kind: str) -> None:
    only = replace(stored, **{"scenes": (), "crops": (), kind: getattr(stored, kind)})
    assert ViewFeed(only, SOURCE, DRAW).batch(0, 0)[0].shape == (3, 64, 64, 3)


def test_what_is_held_back_is_shown_the_same_in_each_epoch(stored: Stored) -> None:
    feed = HeldBackViews(stored, SOURCE, DRAW)
    np.testing.assert_array_equal(feed.batch(0, 1)[0], feed.batch(3, 1)[0])
    assert (feed.batch(0, 1)[0] != feed.batch(0, 0)[0]).any()
