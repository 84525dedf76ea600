"""What is put into views as background: signs, parts of pictures, badges, empty walls."""

from pathlib import Path

import numpy as np
import pytest

from edge.vision.boxes import Rows
from tests.test_detector_views import GREEN, RED, nobody, photo_of, plain
from train.detector.signs import draw_sign
from train.detector.stored import Picture, Stored, store
from train.detector.things import empty_view, with_badges, with_things
from train.detector.views import View

FACES = np.array([[20.0, 100, 90, 190], [150, 120, 230, 220]])
"""Of a view of 256 pixels, with room above."""


@pytest.fixture
def scene(tmp_path: Path) -> Picture:
    stored: Stored = store([photo_of(tmp_path)], tmp_path / "pixels", nobody)
    return stored.scenes[0]


def faces_of(view: View, boxes: Rows) -> list[np.ndarray]:
    corners = boxes.astype(int)
    return [view.pixels[top:bottom, left:right] for left, top, right, bottom in corners]


def test_things_hide_no_face_and_none_of_what_may_be_one(scene: Picture) -> None:
    others = np.array([[100.0, 0, 140, 60]])
    before, changed = plain(FACES, others), 0
    for seed in range(30):
        after = with_things(before, lambda: scene, np.random.default_rng(seed))
        for boxes in (FACES, others):
            for was, now in zip(faces_of(before, boxes), faces_of(after, boxes), strict=True):
                np.testing.assert_array_equal(was, now)
        np.testing.assert_array_equal(after.boxes, FACES)
        changed += (after.pixels != before.pixels).any()
    assert changed > 15


def test_no_face_is_in_what_is_cut_out_of_pictures(scene: Picture) -> None:
    walls = [empty_view(64, lambda: scene, np.random.default_rng(seed)) for seed in range(60)]
    assert len({wall.pixels.tobytes() for wall in walls}) > 30
    for wall in walls:
        assert not len(wall.boxes)
        assert not len(wall.others)
        for colour in (RED, GREEN):
            assert not (wall.pixels == colour).all(axis=2).any()


def test_badges_are_above_faces_and_leave_them_as_they_are() -> None:
    before = plain(FACES)
    above = 0
    for seed in range(10):
        after = with_badges(before, np.random.default_rng(seed))
        changed = (after.pixels != before.pixels).any(axis=2)
        for left, top, right, bottom in FACES.astype(int):
            assert not changed[(top + bottom) // 2 : bottom, left:right].any()
            above += changed[:top, left:right].any()
    assert above >= 18


@pytest.mark.parametrize("side", [4, 12, 150])
def test_signs_of_every_size_are_as_large_as_asked_for_and_do_not_look_alike(side: int) -> None:
    signs = [draw_sign(side, np.random.default_rng(seed)) for seed in range(12)]
    assert len({sign.tobytes() for sign, _ in signs}) > 8
    for sign, cover in signs:
        assert sign.shape == (side, side, 3)
        assert cover.shape == (side, side, 1)
        assert 0 <= cover.min() <= cover.max() <= 1
        assert cover.mean() > 0.3
