"""What repeats itself in the log: outages, and lines of any kind."""

import logging
from collections.abc import Callable

import pytest

from edge.health.flood import BURST, MOST_KINDS, REFILL_SECONDS, FloodFilter
from edge.health.outage import FIRST_REMINDER, LONGEST_REMINDER, Outage, duration


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


def test_an_outage_is_told_of_once_then_ever_more_seldom_then_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    outage = Outage(logging.getLogger("test"), "camera door", clock)
    for _ in range(7 * 24 * 120):  # a week, an attempt each 30 seconds
        outage.failed("no such device")
        clock.now += 30
    outage.over()
    outage.over()
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "camera door: no such device; trying again until it is back"
    assert lines[1] == "camera door: still away after 10 min, 21 attempts: no such device"
    assert lines[-1] == "camera door: back again after 7 d"
    assert len(lines) < 7 * 86_400 / LONGEST_REMINDER + 10
    assert sum("back again" in line for line in lines) == 1
    assert FIRST_REMINDER == 600


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_a_duration_is_said_in_a_fitting_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text
