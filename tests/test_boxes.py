import numpy as np
import pytest

from edge.vision.boxes import best_apart, joined, squared

LEFT, MIDDLE, RIGHT = (0, 0, 10, 10), (4, 0, 14, 10), (8, 0, 18, 10)
"""Each overlaps its neighbour by 6/14; the outer two by 2/18."""


@pytest.mark.parametrize(
    ("boxes", "scores", "threshold", "kept"),
    [
        ([], [], 0.5, []),
        ([LEFT], [1], 0.5, [0]),
        ([LEFT, LEFT], [1, 2], 0.5, [1]),
        ([LEFT, MIDDLE], [1, 2], 0.5, [1, 0]),
        ([LEFT, MIDDLE], [1, 2], 0.4, [1]),
        # Dropped for the middle one, although that is dropped itself: the package's way.
        ([LEFT, MIDDLE, RIGHT], [3, 2, 1], 0.4, [0]),
        ([LEFT, (3, 3, 3, 3)], [2, 1], 0.5, [0]),
        ([(3, 3, 3, 3), LEFT], [2, 1], 0.5, [0, 1]),
    ],
)
def test_a_box_is_dropped_for_any_better_one_that_overlaps_it(
    boxes: list[tuple[int, ...]], scores: list[int], threshold: float, kept: list[int]
) -> None:
    found = best_apart(
        np.array(boxes, float).reshape(-1, 4), np.array(scores, float), threshold, 10
    )
    assert found.tolist() == kept


def test_a_small_box_inside_a_large_one_counts_as_overlapped_if_asked() -> None:
    boxes, scores = np.array([(0, 0, 10, 10), (2, 2, 5, 5)], float), np.array([2.0, 1.0])
    assert best_apart(boxes, scores, 0.7, 10).tolist() == [0, 1]
    assert best_apart(boxes, scores, 0.7, 10, of_smaller=True).tolist() == [0]


def test_only_the_best_boxes_are_looked_at() -> None:
    boxes = np.array([(20 * i, 0, 20 * i + 10, 10) for i in range(5)], float)
    assert best_apart(boxes, np.array([1.0, 5, 3, 4, 2]), 0.5, 3).tolist() == [1, 3, 2]


def test_a_box_that_stands_for_others_is_their_mean_weighed_by_score_and_overlap() -> None:
    boxes = np.array([LEFT, MIDDLE, RIGHT], float)
    found = joined(boxes, np.array([1.0, 0.7, 1.0]), np.array([0, 2]), 0.4)
    # The middle one overlaps both by 6/14: beside each it counts 0.7 of the square of that.
    moved = 4 * 9 / 79
    np.testing.assert_allclose(found, [[moved, 0, 10 + moved, 10], [8 - moved, 0, 18 - moved, 10]])
    np.testing.assert_allclose(joined(boxes, np.ones(3), np.array([0]), 0.5), [LEFT])
    assert joined(boxes, np.ones(3), np.array([], np.intp), 0.5).shape == (0, 4)


def test_a_box_is_widened_to_a_square_around_its_centre() -> None:
    boxes = np.array([(0, 0, 10, 20), (5, 5, 35, 15)], float)
    assert squared(boxes).tolist() == [[-5, 0, 15, 20], [5, -5, 35, 25]]
