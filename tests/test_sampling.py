"""What the detector's nets are shown of a frame."""

import numpy as np
import pytest

from edge.bundle import MODELS, load_bundle
from edge.values import Pixels
from edge.vision.sampling import ExactSampling, QuickSampling

SOURCE = load_bundle(MODELS / "maskgate").manifest.input
SIZE = 320, 240


def gradient() -> Pixels:
    """Brighter to the right and to the bottom."""
    x, y = np.meshgrid(np.linspace(0, 120, SIZE[0]), np.linspace(0, 120, SIZE[1]))
    return np.repeat((x + y).astype(np.uint8)[:, :, None], 3, axis=2)


def chessboard() -> Pixels:
    """Single pixels, black and white."""
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    return np.repeat(((x + y) % 2 * 255).astype(np.uint8)[:, :, None], 3, axis=2)


def patches(pixels: Pixels, *squares: tuple[float, float, float, float]) -> list[np.ndarray]:
    sampling = QuickSampling(SIZE, (), SOURCE)
    sampling.see(pixels)
    return [patch.copy() for patch in sampling.patches(np.array(squares), 24)]


@pytest.mark.parametrize("side", [30.0, 55.0, 100.0, 210.0])
def test_a_large_square_is_averaged_and_not_picked_from(side: float) -> None:
    (patch,) = patches(chessboard(), (10, 5, 10 + side, 5 + side))
    # Between two pixels of the frame lies one of the patch: below that, all is a mean.
    assert np.ptp(patch.astype(int)) <= (255 if side < 46 else 3)


@pytest.mark.parametrize("side", [20.0, 55.0, 100.0, 210.0])
def test_a_square_shows_the_same_place_at_any_size(side: float) -> None:
    left, top = 40.25, 12.75
    (patch,) = patches(gradient(), (left, top, left + side, top + side))
    at = np.arange(24) * side / 23
    x = (left + at) * (SIZE[0] - 1) / SIZE[0] * 120 / (SIZE[0] - 1)
    y = (top + at) * (SIZE[1] - 1) / SIZE[1] * 120 / (SIZE[1] - 1)
    wanted = y[:, None] + x
    assert np.abs(patch[:, :, 0] - wanted).max() <= 1.6


def test_outside_the_frame_there_is_what_the_nets_take_for_nothing() -> None:
    (patch,) = patches(gradient(), (-200, -200, -20, -20))
    np.testing.assert_array_equal(patch, round(SOURCE.offset))


def test_a_new_frame_leaves_nothing_of_the_one_before() -> None:
    sampling = QuickSampling(SIZE, [(96, 72), (40, 30)], SOURCE)
    for pixels in (chessboard(), gradient()):
        sampling.see(pixels)
        levels = [level.copy() for level in sampling.levels()]
        patch = next(iter(sampling.patches(np.array([[0.0, 0, 200, 200]]), 24))).copy()
    fresh = QuickSampling(SIZE, [(96, 72), (40, 30)], SOURCE)
    fresh.see(gradient())
    for level, wanted in zip(levels, fresh.levels(), strict=True):
        np.testing.assert_array_equal(level, wanted)
    wanted = next(iter(fresh.patches(np.array([[0.0, 0, 200, 200]]), 24)))
    np.testing.assert_array_equal(patch, wanted)


def test_quick_levels_are_about_the_exact_ones() -> None:
    levels = [(200, 150), (96, 72), (33, 25)]
    both = QuickSampling(SIZE, levels, SOURCE), ExactSampling(SIZE, levels, SOURCE)
    for sampling in both:
        sampling.see(gradient())
    for quick, exact in zip(*(sampling.levels() for sampling in both), strict=True):
        assert np.abs(quick.astype(float) - exact).max() <= 2.5
