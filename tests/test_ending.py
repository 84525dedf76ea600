import signal

import pytest

from edge.ending import End


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_says_that_it_is_time_and_ends_a_wait(number: signal.Signals) -> None:
    told: list[str] = []
    with End(None, lambda: told.append("wake")) as end:
        assert (end.asked, end.left(2.0), told) == (False, 2.0, [])
        signal.raise_signal(number)
        assert (end.asked, end.left(2.0), told) == (True, 0.0, ["wake"])


def test_it_is_time_when_the_seconds_are_over() -> None:
    with End(60) as end:
        assert end.left(2.0) == 2
        assert 2 < end.left(100.0) <= 60
    with End(0) as end:
        assert (end.asked, end.left(2.0)) == (False, 0.0)


def test_the_signals_are_given_back_even_after_an_error() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyError), End(None):
        raise KeyError
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
