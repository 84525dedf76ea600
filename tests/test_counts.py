"""The people of the day: over midnight, a restart, a clock that is wrong, a full disk."""

import json
import logging
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from edge.config import Device
from edge.people import day_counts
from edge.people.counts import Counts, to_message
from edge.people.day_counts import FILE, DayCounts
from tests.samples import alert
from tests.schemas import schema

DAY = date(2026, 11, 28)
SetDay = Callable[[date], None]


@pytest.fixture
def set_day(monkeypatch: pytest.MonkeyPatch) -> SetDay:
    """Has the calendar show a day."""

    def make(day: date) -> None:
        monkeypatch.setattr(day_counts, "_today", lambda: day)

    make(DAY)
    return make


def count(counts: DayCounts, masked: int = 0, unmasked: int = 0, unsure: int = 0) -> None:
    for violates, amount in ((False, masked), (True, unmasked), (None, unsure)):
        for _ in range(amount):
            counts.person(violates=violates)


@pytest.mark.usefixtures("set_day")
def test_people_are_counted_by_what_was_decided(tmp_path: Path) -> None:
    counts = DayCounts(tmp_path)
    count(counts, masked=3, unmasked=1, unsure=2)
    today = counts.today()
    assert today == Counts(DAY, 3, 1, 2)
    assert (today.seen, today.compliance) == (6, 0.75)


@pytest.mark.parametrize("counts", [Counts(DAY), Counts(DAY, 3, 1, 2), Counts(DAY, unsure=1)])
def test_what_is_published_fits_the_schema(counts: Counts) -> None:
    message = to_message(counts, Device(site="hq", id="north-door"), 1)
    Draft202012Validator(
        schema("counts"), format_checker=Draft202012Validator.FORMAT_CHECKER
    ).validate(message)
    assert message["seen"] == message["masked"] + message["unmasked"] + message["unsure"]


def test_midnight_begins_anew(tmp_path: Path, set_day: SetDay) -> None:
    counts = DayCounts(tmp_path)
    count(counts, masked=3)
    set_day(DAY + timedelta(1))
    assert counts.today() == Counts(DAY + timedelta(1))
    count(counts, unmasked=1)
    assert counts.today() == Counts(DAY + timedelta(1), unmasked=1)


def test_a_restart_on_the_same_day_goes_on_and_on_the_next_begins_anew(
    tmp_path: Path, set_day: SetDay
) -> None:
    first = DayCounts(tmp_path)
    count(first, masked=3, unmasked=1)
    first.close()
    second = DayCounts(tmp_path)
    count(second, masked=1)
    assert second.today() == Counts(DAY, 4, 1)
    second.close()
    set_day(DAY + timedelta(1))
    assert DayCounts(tmp_path).today() == Counts(DAY + timedelta(1))


@pytest.mark.usefixtures("set_day")
def test_a_kill_loses_no_more_than_a_minute_and_a_crowd_costs_one_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("edge.people.day_counts.time.monotonic", lambda: now[0])
    counts = DayCounts(tmp_path)
    count(counts, masked=1)
    before = (tmp_path / FILE).stat().st_mtime_ns
    count(counts, masked=1000)
    assert (tmp_path / FILE).stat().st_mtime_ns == before
    now[0] += 61
    counts.today()  # As the publisher asks, once a second.
    assert DayCounts(tmp_path).today() == Counts(DAY, 1001)


def test_a_clock_that_was_not_set_yet_does_not_begin_a_day_that_is_over(
    tmp_path: Path, set_day: SetDay
) -> None:
    first = DayCounts(tmp_path)
    count(first, masked=3)
    first.close()
    set_day(date(1970, 1, 1))
    trusted = [False]
    booted = DayCounts(tmp_path, clock_trusted=lambda: trusted[0])
    count(booted, masked=1)
    set_day(DAY)
    trusted[0] = True
    assert booted.today() == Counts(DAY, 4)


def test_a_day_that_was_never_does_not_stay(tmp_path: Path, set_day: SetDay) -> None:
    set_day(date(2099, 1, 1))
    wrong = DayCounts(tmp_path)
    count(wrong, masked=3)
    wrong.close()
    set_day(DAY)
    assert DayCounts(tmp_path).today() == Counts(DAY)


@pytest.mark.usefixtures("set_day")
@pytest.mark.parametrize(
    "content",
    [b"", b"\x00" * 100, b"[]", b'{"day": "2026-11-28", "masked": -1, "unmasked": 0, "unsure": 0}'],
)
def test_a_damaged_file_is_told_and_the_day_begins_at_nothing(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(content)
    counts = DayCounts(tmp_path)
    assert counts.today() == Counts(DAY)
    assert "today begins at 0" in caplog.text
    count(counts, masked=1)
    counts.close()
    assert json.loads((tmp_path / FILE).read_text())["masked"] == 1


@pytest.mark.usefixtures("set_day")
def test_a_disk_that_takes_nothing_is_told_once_and_counting_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(day_counts, "WRITE_EVERY", 0.0)
    counts = DayCounts(tmp_path / "gone")
    count(counts, masked=3)
    assert counts.today().masked == 3
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1


def test_violations_are_open_until_they_are_closed(tmp_path: Path) -> None:
    counts = DayCounts(tmp_path)
    for number in (1, 2):
        counts.alert(alert(number))
    assert counts.open_violations == 2
    counts.alert(alert(1, "closed"))
    counts.alert(alert(1, "closed"))
    assert counts.open_violations == 1
