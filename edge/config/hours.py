"""Hours of the week, as a person writes them: "Mon-Fri 07:00-19:00"."""

import re
import time
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "|".join(DAYS)
_TIME = r"(\d{1,2}):(\d{2})"
_FORM = re.compile(rf"(?:daily|({_DAY})(?:-({_DAY}))?) {_TIME}-{_TIME}", re.IGNORECASE)
_DAY_LONG = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """A span of the day, on some days of the week; one that ends before it begins ends next day."""

    days: frozenset[int]
    """0 is Monday."""
    begin: int
    """Minutes since midnight."""
    end: int
    """Minutes since midnight; not in it any more."""

    def hold(self, moment: time.struct_time) -> bool:
        """Tell whether a moment of local time is within them."""
        day, minute = moment.tm_wday, moment.tm_hour * 60 + moment.tm_min
        if self.begin < self.end:
            return day in self.days and self.begin <= minute < self.end
        night_before = (day - 1) % 7 in self.days and minute < self.end
        return night_before or (day in self.days and minute >= self.begin)


def parse_hours(text: str) -> Hours:
    """Read hours.

    Args:
        text: days, "Mon", "Mon-Fri" or "daily", and from when to when.

    Raises:
        ValueError: says what is expected.
    """
    found = _FORM.fullmatch(text.strip())
    if not found:
        raise ValueError('expected e.g. "Mon-Fri 07:00-19:00" or "daily 22:00-06:00"')
    first, last, *times = found.groups()
    begin, end = (_minutes(*pair) for pair in (times[:2], times[2:]))
    if begin == end:
        raise ValueError('expected two different times; a whole day is "00:00-24:00"')
    days = frozenset(range(7)) if first is None else _days(first.lower(), (last or first).lower())
    return Hours(days, begin, end)


def _minutes(hour: str, minute: str) -> int:
    minutes = int(hour) * 60 + int(minute)
    if int(minute) > 59 or minutes > _DAY_LONG:
        raise ValueError(f"expected a time from 00:00 to 24:00, found {hour}:{minute}")
    return minutes


def _days(first: str, last: str) -> frozenset[int]:
    begin, end = DAYS.index(first), DAYS.index(last)
    return frozenset((begin + step) % 7 for step in range((end - begin) % 7 + 1))


def _are_hours(text: str) -> str:
    parse_hours(text)
    return text


HoursText = Annotated[str, AfterValidator(_are_hours)]
"""Hours as a person writes them."""
