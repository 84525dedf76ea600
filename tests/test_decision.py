from typing import Any

import pytest

from edge.config import Decision
from edge.people.decision import Judge, Vote
from edge.values import Track
from tests.people import track

BARE, MASKED = "face_no_mask", "face_with_mask"


def judge(**settings: Any) -> Judge:
    return Judge(Decision(**{"min_votes": 4, "cooldown": 10, **settings}), confirm_hits=3)


def give(judge: Judge, votes: str, person: Track | None = None, start: float = 100.0) -> list[str]:
    """Let one vote a frame come in ("b"are, "m"asked, "-" for none): the changes' states."""
    person = person or track()
    labels = {"b": BARE, "m": MASKED}
    changes = []
    for number, vote in enumerate(votes):
        now = start + number / 10
        changes += judge.vote(person, Vote(labels[vote], 0.9) if vote != "-" else None, now)
    return [change.state for change in changes]


@pytest.mark.parametrize(
    ("votes", "states"),
    [
        ("bbb", []),
        ("bbbb", ["opened"]),
        ("b-b-b-b", ["opened"]),
        ("-" * 50, []),
        ("mmmm", []),
        ("bbbbbbbbbbbb", ["opened"]),
        ("bmbmbmbmbm", []),
        ("mbbb", ["opened"]),
        ("mmbbbb", []),
        ("mmbbbbbb", ["opened"]),
        ("bbbb" + "m" * 15, ["opened", "closed"]),
        ("bbbb" + "m" * 15 + "b" * 15, ["opened", "closed"]),
        ("mmmm" + "b" * 15, ["opened"]),
    ],
)
def test_votes_open_and_close_at_most_one_violation(votes: str, states: list[str]) -> None:
    assert give(judge(), votes) == states


def test_a_violation_closes_when_the_person_has_left() -> None:
    watching = judge()
    give(watching, "bbbb")
    (change,) = watching.end([track()], 110)
    assert (change.state, change.label) == ("closed", BARE)
    assert watching.end([track()], 111) == []


def test_what_closes_a_violation_tells_the_same_label() -> None:
    watching = judge()
    give(watching, "bbbb")
    changes = []
    for number in range(15):
        changes += watching.vote(track(), Vote(MASKED, 0.9), 101 + number / 10)
    assert [(change.state, change.label) for change in changes] == [("closed", BARE)]


def test_what_counts_as_a_violation_is_set() -> None:
    assert give(judge(violations=(MASKED,)), "mmmm") == ["opened"]
    assert give(judge(violations=(MASKED,)), "bbbb") == []


def test_a_track_too_short_to_be_a_person_is_not_accused() -> None:
    assert give(judge(), "bbbb", track(hits=2)) == []


def test_the_same_spot_stays_silent_after_a_violation() -> None:
    watching = judge(cooldown=10)
    assert give(watching, "bbbb", track(1)) == ["opened"]
    watching.end([track(1)], 102)
    assert give(watching, "bbbb", track(2), start=105) == []
    # Nobody was there for the whole of the cooldown: whoever comes now is told of.
    watching.end([track(2)], 106)
    assert give(watching, "bbbb", track(3), start=120) == ["opened"]


def test_a_person_who_stays_at_the_spot_keeps_it_silent() -> None:
    watching = judge(cooldown=10)
    give(watching, "bbbb", track(1))
    watching.end([track(1)], 102)
    for number, start in enumerate((108, 116, 124), start=2):
        assert give(watching, "bbbb", track(number), start=start) == []
        watching.end([track(number)], start + 1)


def test_another_spot_is_not_silenced() -> None:
    watching = judge(cooldown=10)
    give(watching, "bbbb", track(1, x=100))
    watching.end([track(1, x=100)], 102)
    assert give(watching, "bbbb", track(2, x=400), start=103) == ["opened"]


def test_each_person_is_counted_once() -> None:
    watching = judge()
    give(watching, "bbbb", track(1, x=100))
    give(watching, "mmmm", track(2, x=300))
    give(watching, "--", track(3, x=500))
    watching.end([track(1, x=100), track(2, x=300), track(3, x=500)], 101)
    # The same person at the same spot again, and a flash that was no person.
    give(watching, "bbbb", track(4, x=100), start=103)
    watching.end([track(4, x=100), track(5, x=600, hits=1)], 104)
    people = watching.people
    assert (people.seen, people.unsure) == (3, 1)
    assert people.by_label == {BARE: 1, MASKED: 1}


@pytest.mark.parametrize("votes", ["bbbb" + "m" * 4, "bbbb" + "m" * 15])
def test_who_was_accused_counts_as_that_whatever_the_last_votes_say(votes: str) -> None:
    watching = judge()
    give(watching, votes)
    watching.end([track()], 110)
    assert watching.people.by_label == {BARE: 1}
    assert watching.people.unsure == 0


def test_who_has_no_verdict_yet_is_looked_at_first_and_in_turn() -> None:
    watching = judge(faces_per_frame=2)
    people = [track(number, x=100 * number) for number in range(1, 5)]
    looked = []
    for number in range(4):
        due = watching.due(people, 100 + number)
        looked.append([person.id for person in due])
        for person in due:
            watching.vote(person, None, 100 + number)
    assert looked == [[1, 2], [3, 4], [1, 2], [3, 4]]


def test_who_has_a_verdict_is_looked_at_now_and_then() -> None:
    watching = judge(classify_every=0.5)
    give(watching, "mmmm", start=100)
    assert watching.due([track()], 100.4) == []
    assert len(watching.due([track()], 100.9)) == 1


def test_memory_goes_with_the_person() -> None:
    watching = judge()
    for number in range(1, 2000):
        give(watching, "bb", track(number), start=number)
        watching.end([track(number)], number + 0.5)
    assert not watching._persons
    assert len(watching._spots) < 20
