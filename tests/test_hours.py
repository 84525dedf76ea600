import time

import pytest

from edge.config.hours import parse_hours


def at(day: int, clock: str) -> time.struct_time:
    """A moment of a week that begins on Monday, 5 January 2026."""
    return time.strptime(f"2026-01-{5 + day:02} {clock}", "%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("text", "day", "clock", "held"),
    [
        ("Mon-Fri 07:00-19:00", 0, "07:00", True),
        ("Mon-Fri 07:00-19:00", 4, "18:59", True),
        ("Mon-Fri 07:00-19:00", 4, "19:00", False),
        ("Mon-Fri 07:00-19:00", 5, "12:00", False),
        ("Sat 8:00-12:00", 5, "08:00", True),
        ("Sat-Mon 08:00-12:00", 6, "08:00", True),
        ("Sat-Mon 08:00-12:00", 1, "08:00", False),
        ("daily 00:00-24:00", 3, "23:59", True),
        ("fri 22:00-06:00", 4, "23:00", True),
        ("Fri 22:00-06:00", 5, "05:59", True),
        ("Fri 22:00-06:00", 4, "05:59", False),
        ("Fri 22:00-06:00", 5, "22:00", False),
        ("Sun 22:00-06:00", 0, "01:00", True),
    ],
)
def test_hours_hold_on_their_days_and_those_of_a_night_until_the_morning(
    text: str, day: int, clock: str, *, held: bool
) -> None:
    assert parse_hours(text).hold(at(day, clock)) == held


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected e.g."),
        ("Monday 07:00-19:00", "expected e.g."),
        ("Mon 07:00", "expected e.g."),
        ("Mon 07:60-19:00", "from 00:00 to 24:00, found 07:60"),
        ("Mon 07:00-24:01", "from 00:00 to 24:00, found 24:01"),
        ("Mon 07:00-07:00", "two different times"),
    ],
)
def test_what_is_no_hours_is_refused_with_what_is_expected(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_hours(text)
