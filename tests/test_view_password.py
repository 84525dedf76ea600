"""Who may look at the live view."""

import pytest

from edge.view.password import SESSION, Brake, Sessions
from edge.view.viewers import MOST, Viewers

PASSWORD = "öpen sesame"  # noqa: S105


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_right_password_opens_a_session_of_its_own(clock: Clock) -> None:
    sessions = Sessions(PASSWORD, clock)
    one, other = sessions.open(PASSWORD), sessions.open(PASSWORD)
    assert one
    assert other
    assert one != other
    sessions.close(one)
    assert not sessions.knows(one)
    assert sessions.knows(other)


@pytest.mark.parametrize("password", ["", "öpen sesam", "öpen sesame ", "Öpen sesame", "\udcff"])
def test_another_password_opens_none(clock: Clock, password: str) -> None:
    assert Sessions(PASSWORD, clock).open(password) is None


@pytest.mark.parametrize("token", ["", "guessed", "\udcff"])
def test_a_token_that_was_never_given_is_not_known(clock: Clock, token: str) -> None:
    assert not Sessions(PASSWORD, clock).knows(token)


def test_a_session_ends_by_itself(clock: Clock) -> None:
    sessions = Sessions(PASSWORD, clock)
    token = sessions.open(PASSWORD)
    assert token
    clock.now += SESSION - 1
    assert sessions.knows(token)
    clock.now += 2
    assert not sessions.knows(token)


def test_sessions_are_bounded_and_the_oldest_goes(clock: Clock) -> None:
    sessions = Sessions(PASSWORD, clock)
    tokens = [sessions.open(PASSWORD) or "" for _ in range(33)]
    assert not sessions.knows(tokens[0])
    assert all(map(sessions.knows, tokens[1:]))


def test_wrong_passwords_cost_ever_more_time_up_to_a_minute(clock: Clock) -> None:
    brake = Brake(clock)
    pauses = []
    for _ in range(12):
        brake.wrong("10.0.0.7")
        pauses.append(brake.pause("10.0.0.7"))
        clock.now += pauses[-1]
        assert brake.pause("10.0.0.7") == 0
    assert pauses == [0, 0, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]


def test_somebody_elses_wrong_passwords_do_not_lock_me_out(clock: Clock) -> None:
    brake = Brake(clock)
    for _ in range(10):
        brake.wrong("10.0.0.7")
    assert brake.pause("10.0.0.8") == 0
    brake.right("10.0.0.7")
    assert brake.pause("10.0.0.7") == 0


def test_what_is_remembered_of_wrong_passwords_is_bounded(clock: Clock) -> None:
    brake = Brake(clock)
    for number in range(1000):
        for _ in range(3):
            brake.wrong(f"10.0.{number // 256}.{number % 256}")
    assert sum(brake.pause(f"10.0.{n // 256}.{n % 256}") > 0 for n in range(1000)) == 256


def test_only_so_many_look_at_once_and_a_place_that_is_left_is_given_away(clock: Clock) -> None:
    viewers = Viewers(clock)
    assert all(viewers.admit(f"viewer {number}") for number in range(MOST))
    assert not viewers.admit("late")
    clock.now += 6
    assert all(viewers.admit(f"viewer {number}") for number in range(1, MOST))
    clock.now += 6
    assert viewers.admit("late")
    assert not viewers.admit("viewer 0")
