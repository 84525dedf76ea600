"""Faces that do not count, but are to be hidden in pictures."""

from edge.people.bystanders import Bystanders
from edge.values import Box

FACE, MOVED, OTHER = Box(10, 10, 50, 50), Box(14, 10, 54, 50), Box(200, 10, 240, 50)


def everywhere(_box: Box) -> bool:
    return True


def nowhere(_box: Box) -> bool:
    return False


def test_a_face_that_moves_is_where_it_is_now() -> None:
    bystanders = Bystanders()
    assert bystanders.update([FACE, OTHER], everywhere, 0.0) == [FACE, OTHER]
    assert bystanders.update([MOVED], everywhere, 0.1) == [MOVED, OTHER]


def test_a_face_that_is_missed_is_hidden_for_a_moment_more() -> None:
    bystanders = Bystanders()
    bystanders.update([FACE], everywhere, 0.0)
    assert bystanders.update([], everywhere, 0.9) == [FACE]
    assert bystanders.update([], everywhere, 1.1) == []


def test_a_face_is_hidden_for_as_long_as_nothing_moves_where_it_is() -> None:
    bystanders = Bystanders()
    bystanders.update([FACE], everywhere, 0.0)
    for second in range(1, 60):
        assert bystanders.update([], nowhere, float(second)) == [FACE]
    assert bystanders.update([], everywhere, 61.0) == []


def test_what_is_remembered_is_bounded() -> None:
    bystanders = Bystanders()
    for step in range(1000):
        bystanders.update([Box(step * 50, 0, step * 50 + 40, 40)], nowhere, step / 1000)
    assert len(bystanders.update([], nowhere, 1.0)) == 100
