"""Photos made worse to judge by: as a lens, a dark hall and a window behind people make them."""

import numpy as np
import pytest

from tests.found import found
from train.detector.comparing import measure_worse
from train.detector.worse import CONDITIONS, backlit, dark, out_of_focus

FACE = np.array([[100.0, 80, 180, 160]])


@pytest.mark.parametrize("radius", [0.05, 0.1])
def test_out_of_focus_an_edge_is_drawn_out_as_far_as_the_face_is_large(radius: float) -> None:
    pixels = np.zeros((480, 640, 3), np.uint8)
    pixels[:, 320:] = 255
    for times in (1, 2):
        row = out_of_focus(pixels, FACE * times, radius)[240, :, 0]
        drawn_out = int(((row > 0) & (row < 255)).sum())
        assert drawn_out == pytest.approx(2 * radius * 80 * times, abs=2)
        assert row[319:321].mean() == pytest.approx(127.5, abs=2)


def test_out_of_focus_the_light_stays() -> None:
    light = np.random.default_rng(1).integers(0, 255, (120, 160, 3)).astype(np.uint8)
    assert out_of_focus(light, FACE / 2, 0.1).mean() == pytest.approx(light.mean(), abs=1)
    assert (out_of_focus(light, np.empty((0, 4)), 0.1) == light).all()


def test_in_the_dark_an_eighth_of_the_light_is_left_and_noise_the_same_each_time() -> None:
    pixels = np.full((240, 320, 3), 200, np.uint8)
    once = dark(pixels, FACE)
    assert once.mean() == pytest.approx(25, abs=1)
    assert once.std() == pytest.approx(4, abs=0.5)
    np.testing.assert_array_equal(once, dark(pixels, FACE))


def test_against_the_light_faces_are_dark_and_what_is_around_them_is_not() -> None:
    pixels = np.full((240, 320, 3), 100, np.uint8)
    seen = backlit(pixels, FACE)
    assert seen[120, 140].mean() == pytest.approx(20, abs=2)
    assert seen[10, 310].mean() == pytest.approx(180, abs=2)
    assert backlit(pixels, np.empty((0, 4))).mean() == pytest.approx(180, abs=2)


def test_a_photo_made_worse_is_another_one_of_the_same_size() -> None:
    before = np.random.default_rng(2).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    for change in CONDITIONS.values():
        pixels = before.copy()
        after = change(pixels, FACE)
        np.testing.assert_array_equal(pixels, before)
        assert (after.shape, after.dtype) == (before.shape, before.dtype)
        assert (after != before).any()


def test_faces_of_forty_pixels_and_more_are_counted_from_the_threshold_on() -> None:
    large, small = (0, 0, 50), (200, 0, 30)
    seen = found([(large, 0.7), (small, 0.4)], bare=[large], masked=[small])
    at = measure_worse({"dark": [seen]}, 0.5)["dark"]
    assert (at["recall"]["bare"]["found"], at["recall"]["masked"]["faces"]) == (1, 0)
    assert measure_worse({"dark": [seen]}, 0.8)["dark"]["recall"]["bare"]["found"] == 0
