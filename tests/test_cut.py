import numpy as np
import pytest

from edge.values import Box, Pixels
from edge.vision.cut import cut_face, whole_picture


def gradient(height: int = 100, width: int = 160) -> Pixels:
    """A picture whose red is x and whose green is y."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, :, 0], picture[:, :, 1] = np.arange(width), np.arange(height)[:, None]
    return picture


def test_the_cut_is_a_square_around_the_box() -> None:
    face = cut_face(gradient(), Box(60, 30, 80, 50), 20, 0.0)
    assert face.shape == (20, 20, 3)
    assert face[0, 0].tolist() == [60, 30, 0]
    assert face[-1, -1].tolist() == [79, 49, 0]


def test_the_margin_widens_the_longer_side() -> None:
    face = cut_face(gradient(), Box(65, 30, 75, 50), 30, 0.5)
    assert (face[0, 0, 0], face[0, -1, 0]) == (55, 84)
    assert (face[0, 0, 1], face[-1, 0, 1]) == (25, 54)


@pytest.mark.parametrize(
    ("box", "corner", "colour"),
    [
        (Box(-10, -10, 10, 10), (0, 0), [0, 0, 0]),
        (Box(150, 90, 170, 110), (-1, -1), [159, 99, 0]),
        (Box(-500, -500, -400, -400), (0, 0), [0, 0, 0]),
        (Box(5000, 5000, 5050, 5050), (-1, -1), [159, 99, 0]),
    ],
)
def test_outside_the_picture_the_edge_repeats(
    box: Box, corner: tuple[int, int], colour: list[int]
) -> None:
    assert cut_face(gradient(), box, 20, 0.0)[corner].tolist() == colour


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1)])
def test_a_picture_of_one_pixel_can_be_cut(size: tuple[int, int]) -> None:
    picture = np.full((*size, 3), 7, np.uint8)
    assert (cut_face(picture, whole_picture(picture), 64, 0.25) == 7).all()


def test_the_picture_stays_as_it_is() -> None:
    picture = gradient()
    cut_face(picture, Box(-5, -5, 50, 50), 64, 0.3)[:] = 0
    assert (picture == gradient()).all()
