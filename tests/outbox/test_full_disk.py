"""Where the disk takes nothing more, alerts wait in memory, and are written when it does."""

import logging

import pytest

from edge.alerting import disk_trouble
from edge.alerting import outbox as outbox_module
from tests.outbox.alerts import Open, full_disk, numbers
from tests.samples import alert


def test_a_full_disk_keeps_alerts_in_memory_in_order_until_there_is_space(
    open_outbox: Open, caplog: pytest.LogCaptureFixture
):
    outbox = open_outbox()
    outbox.add(alert(1))
    with full_disk():
        for number in range(2, 6):
            outbox.add(alert(number))
        assert numbers(outbox) == [1, 2, 3, 4, 5]
        outbox.remove([row.sequence for row in outbox.waiting(limit=2)])
        assert numbers(outbox) == [3, 4, 5]
        assert len(outbox) == 3
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "alerts wait in memory" in errors[0].message

    outbox.add(alert(6))
    assert "can be used again" in caplog.text
    outbox.close()
    rows = open_outbox().waiting(limit=99)
    assert [row.alert.violation.int for row in rows if row.alert.reason is None] == [3, 4, 5, 6]
    # All six were opened; what the broker acknowledged from memory is remembered as open, too.
    closed = [row.alert.violation.int for row in rows if row.alert.reason == "restarted"]
    assert closed == [1, 2, 3, 4, 5, 6]


def test_a_failing_disk_is_not_tried_with_each_alert(
    open_outbox: Open, monkeypatch: pytest.MonkeyPatch
):
    outbox = open_outbox()
    monkeypatch.setattr(disk_trouble, "RETRY_SECONDS", 60.0)
    with full_disk():
        outbox.add(alert(1))
    outbox.add(alert(2))
    outbox.retry()
    assert outbox._file.count == 0
    monkeypatch.setattr(disk_trouble, "RETRY_SECONDS", 0.0)
    outbox.retry()
    assert outbox._file.count == 2


def test_what_waits_in_memory_is_written_without_a_new_alert(open_outbox: Open):
    outbox = open_outbox()
    with full_disk():
        outbox.add(alert(1))
        outbox.retry()
    outbox.retry()
    assert outbox._file.count == 1


def test_memory_is_bounded_while_the_disk_is_full(
    open_outbox: Open, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(outbox_module, "MEMORY_ALERTS", 10)
    outbox = open_outbox()
    with full_disk():
        for number in range(1, 26):
            outbox.add(alert(number))
        assert numbers(outbox) == list(range(16, 26))
        assert outbox.dropped == 15
    outbox.add(alert(26))
    outbox.close()
    assert open_outbox().dropped == 15


def test_alerts_that_a_full_disk_loses_in_the_end_are_told(
    open_outbox: Open, caplog: pytest.LogCaptureFixture
):
    outbox = open_outbox()
    with full_disk():
        outbox.add(alert(1))
        outbox.close()
    assert "1 alerts in memory are lost" in caplog.text


def test_a_start_with_a_full_disk_works_on(open_outbox: Open):
    outbox = open_outbox()
    outbox.add(alert(1))
    outbox.close()
    with full_disk():
        outbox = open_outbox()
        outbox.add(alert(2))
        states = [(row.alert.violation.int, row.alert.state) for row in outbox.waiting(limit=9)]
    assert states == [(1, "opened"), (1, "closed"), (2, "opened")]
