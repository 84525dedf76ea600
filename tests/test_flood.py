"""What repeats itself in the log is held back and counted."""

import logging
from collections.abc import Callable

import pytest

from edge.health.flood import BURST, MOST_KINDS, REFILL_SECONDS, FloodFilter


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def logged() -> Callable[..., list[str]]:
    """A logger behind the filter, and what passed."""
    clock = Clock()
    passed: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            passed.append(record.getMessage())

    handler = Keep()
    handler.addFilter(FloodFilter(clock))
    log = logging.Logger("flood")
    log.addHandler(handler)

    def say(what: str, number: int = 1, after: float = 0.0) -> list[str]:
        clock.now += after
        for _ in range(number):
            log.warning("%s: broke off", what)
        return passed

    return say


def test_a_line_that_repeats_itself_is_held_back_and_counted(
    logged: Callable[..., list[str]],
) -> None:
    assert len(logged("door", 1000)) == BURST
    passed = logged("door", after=REFILL_SECONDS)
    assert passed[BURST:] == ["door: broke off (995 more like it in 10 min)"]


def test_what_floods_the_log_for_a_day_leaves_few_lines(
    logged: Callable[..., list[str]],
) -> None:
    for _ in range(24 * 60):
        passed = logged("door", 10, after=60)
    assert len(passed) <= BURST + 24 * 60 * 60 / REFILL_SECONDS


def test_a_second_camera_is_told_of_however_much_the_first_says(
    logged: Callable[..., list[str]],
) -> None:
    logged("door", 1000)
    assert logged("gate")[-1] == "gate: broke off"


def test_a_line_now_and_then_is_never_held_back(logged: Callable[..., list[str]]) -> None:
    for _ in range(50):
        passed = logged("door", after=REFILL_SECONDS)
    assert passed == ["door: broke off"] * 50


def test_the_filter_remembers_a_bounded_number_of_kinds() -> None:
    flood = FloodFilter()
    for number in range(3 * MOST_KINDS):
        flood.filter(logging.LogRecord("x", logging.INFO, f"{number}", 1, "", None, None))
    assert len(flood._kinds) == MOST_KINDS
