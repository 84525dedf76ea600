import pytest

from edge.config import Tracking
from edge.people.tracker import Tracker
from edge.values import Face
from tests.people import RATE, face, frame


def ids_over(tracker: Tracker, faces_per_frame: list[list[Face]]) -> list[list[int]]:
    """The ids in each frame of those whose face is seen."""
    seen = []
    for number, faces in enumerate(faces_per_frame):
        alive, _ = tracker.update(frame(number), faces)
        seen.append([track.id for track in alive if track.face is not None])
    return seen


@pytest.mark.parametrize("speed", [0, 5, 25, -25])
def test_a_person_who_moves_keeps_one_track(speed: int) -> None:
    seen = ids_over(Tracker(Tracking()), [[face(320 + speed * n)] for n in range(12)])
    assert seen == [[1]] * 12


def test_a_person_who_comes_nearer_keeps_one_track() -> None:
    seen = ids_over(Tracker(Tracking()), [[face(320, size=30 * 1.06**n)] for n in range(25)])
    assert seen == [[1]] * 25


def test_two_people_side_by_side_keep_their_tracks() -> None:
    frames = [[face(200 + 6 * n), face(300 + 6 * n)] for n in range(15)]
    assert ids_over(Tracker(Tracking()), frames) == [[1, 2]] * 15


def test_the_order_in_which_faces_are_found_does_not_matter() -> None:
    frames = [[face(200), face(400)], [face(400), face(200)]]
    tracker = Tracker(Tracking())
    for number, faces in enumerate(frames):
        alive, _ = tracker.update(frame(number), faces)
    assert {track.id: track.box.centre[0] for track in alive} == {1: 200, 2: 400}


def test_people_who_cross_keep_their_tracks() -> None:
    frames = [[face(150 + 20 * n, y=200), face(450 - 20 * n, y=235)] for n in range(15)]
    tracker = Tracker(Tracking())
    for number, faces in enumerate(frames):
        alive, _ = tracker.update(frame(number), faces)
    assert {track.id: track.box.centre[0] for track in alive} == {1: 430, 2: 170}


def test_a_face_hidden_for_a_moment_is_the_same_person() -> None:
    hidden = int(RATE * 2)
    seen = ids_over(Tracker(Tracking()), [[face(300)]] * 5 + [[]] * hidden + [[face(310)]])
    assert seen[-1] == [1]


def test_a_face_hidden_for_long_is_somebody_else() -> None:
    tracker = Tracker(Tracking(forget_after=1))
    seen = ids_over(tracker, [[face(300)]] * 5 + [[]] * 15 + [[face(300)]])
    assert seen[-1] == [2]


def test_a_track_ends_once() -> None:
    tracker = Tracker(Tracking(forget_after=0.5))
    ended = []
    for number in range(20):
        ended += tracker.update(frame(number), [face(300)] if number < 5 else [])[1]
    assert [(track.id, track.hits) for track in ended] == [(1, 5)]
    assert tracker.finish() == []


def test_a_flash_in_one_frame_is_forgotten_soon() -> None:
    tracker = Tracker(Tracking(forget_after=10, confirm_hits=3))
    ids_over(tracker, [[face(300)]] + [[]] * 8)
    assert tracker.finish() == []


def test_a_face_far_from_all_others_is_somebody_else() -> None:
    assert ids_over(Tracker(Tracking()), [[face(100)], [face(500)]]) == [[1], [2]]


def test_a_face_of_another_size_at_the_same_place_is_somebody_else() -> None:
    frames = [[face(300, size=40)], [face(300, size=120)]]
    assert ids_over(Tracker(Tracking()), frames) == [[1], [2]]


def test_a_face_that_was_not_looked_for_is_where_it_was() -> None:
    tracker = Tracker(Tracking(forget_after=1))
    ids_over(tracker, [[face(300)]] * 3)
    for number in range(3, 60):
        alive, ended = tracker.update(frame(number), [], lambda _: False)
        assert [(track.id, track.face, track.hits) for track in alive] == [(1, face(300), 3)]
        assert not ended
    assert alive[0].last_seen == frame(59).monotonic


def test_a_face_that_was_looked_for_and_not_found_is_hidden() -> None:
    tracker = Tracker(Tracking())
    ids_over(tracker, [[face(100), face(500)]] * 3)
    alive, _ = tracker.update(frame(3), [], lambda box: box.centre[0] < 300)
    assert [track.face for track in alive] == [None, face(500)]
    # What hid it does not bring it back by standing still.
    alive, _ = tracker.update(frame(4), [], lambda _: False)
    assert [track.face for track in alive] == [None, face(500)]


def test_a_face_is_expected_where_it_moves() -> None:
    tracker = Tracker(Tracking())
    ids_over(tracker, [[face(100 + 20 * number)] for number in range(10)])
    [(track, box)] = tracker.expected(frame(10))
    assert track.box.centre[0] == 280
    assert box.centre[0] == pytest.approx(300, abs=2)
