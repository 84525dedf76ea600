"""The clocks, and what becomes of alerts whose times come from a wrong one."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.alerting.alerts import Alert
from edge.alerting.outbox import Outbox
from edge.clock import BOOT_ID, Clock
from edge.config import Outbox as OutboxSettings
from tests.samples import SetClock, alert
from tests.tracing import traced

YEARS = 50 * 365 * 86_400.0
Open = Callable[[SetClock], Outbox]


@pytest.fixture
def open_outbox(tmp_path: Path) -> Iterator[Open]:
    opened: list[Outbox] = []

    def open_it(clock: SetClock) -> Outbox:
        opened.append(Outbox(OutboxSettings(path=tmp_path / "outbox.sqlite"), clock))
        return opened[-1]

    yield open_it
    for outbox in opened:
        outbox.close()


def decided_at(number: int, clock: SetClock) -> Alert:
    """An alert as the chain makes it, of somebody who came two seconds ago."""
    now = clock.read()
    return replace(
        alert(number),
        first_seen=now.wall - 2,
        last_seen=now.wall - 1,
        decided=now.wall,
        monotonic=now.monotonic,
        clock=now.trust,
    )


def times(alert: Alert) -> tuple[float, float, float, str]:
    return alert.first_seen, alert.last_seen, alert.decided, alert.clock


def waiting(outbox: Outbox) -> list[Alert]:
    return [row.alert for row in outbox.waiting(limit=99)]


def test_the_clocks_are_those_of_this_machine():
    clock = Clock()
    now = clock.read()
    assert abs(now.monotonic - time.monotonic()) < 1
    assert abs(now.wall - time.time()) < 1
    assert clock.boot == BOOT_ID.read_text().strip()
    assert now.wall_at(now.monotonic - 5) == pytest.approx(now.wall - 5)


def test_the_clock_can_be_trusted_once_timesyncd_has_set_it(tmp_path: Path):
    flag = tmp_path / "synchronized"
    flag.touch()
    assert Clock(flag).read().trust == "trusted"


@pytest.mark.parametrize(("answer", "trust"), [(0, "trusted"), (1, "trusted"), (5, "untrusted")])
def test_the_clock_can_be_trusted_when_the_kernel_says_so(answer: int, trust: str):
    code = "from pathlib import Path; from edge.clock import Clock; "
    code += "print(Clock(Path('/nowhere')).read().trust)"
    calls = "clock_adjtime,adjtimex"
    options = ["-e", f"trace={calls}", "-e", f"inject={calls}:retval={answer}", "-o", "/dev/null"]
    assert traced(options, code) == f"{trust}\n"


def test_alerts_decided_before_the_clock_was_set_get_their_true_times(open_outbox: Open):
    clock = SetClock()
    outbox = open_outbox(clock)
    outbox.add(decided_at(1, clock))
    assert times(waiting(outbox)[0]) == (1098, 1099, 1100, "untrusted")
    clock.monotonic += 30
    clock.set_right(began=YEARS)
    outbox.add(decided_at(2, clock))
    first, second = waiting(outbox)
    assert times(first) == (YEARS + 98, YEARS + 99, YEARS + 100, "trusted")
    assert times(second) == (YEARS + 128, YEARS + 129, YEARS + 130, "trusted")


def test_a_clock_that_ran_ahead_is_put_right_too(open_outbox: Open):
    clock = SetClock(wall=2 * YEARS)
    outbox = open_outbox(clock)
    outbox.add(decided_at(1, clock))
    clock.set_right(began=YEARS)
    assert times(waiting(outbox)[0]) == (YEARS + 98, YEARS + 99, YEARS + 100, "trusted")


def test_times_that_can_be_trusted_stay_as_they_are(open_outbox: Open):
    clock = SetClock(wall=YEARS, trust="trusted")
    outbox = open_outbox(clock)
    outbox.add(decided_at(1, clock))
    clock.wall += 3600  # Somebody sets it by hand.
    assert waiting(outbox)[0].decided == YEARS


def test_true_times_are_found_after_a_restart_of_the_process(open_outbox: Open):
    clock = SetClock()
    outbox = open_outbox(clock)
    outbox.add(replace(decided_at(1, clock), state="closed"))
    outbox.close()
    clock.monotonic += 30
    clock.set_right(began=YEARS)
    (found,) = waiting(open_outbox(clock))
    assert times(found) == (YEARS + 98, YEARS + 99, YEARS + 100, "trusted")


def test_true_times_are_found_after_a_reboot_where_the_clock_was_set_before_it(open_outbox: Open):
    clock = SetClock()
    outbox = open_outbox(clock)
    outbox.add(replace(decided_at(1, clock), state="closed"))
    clock.set_right(began=YEARS)
    outbox.retry()
    outbox.close()
    later = SetClock(monotonic=3, wall=7, boot="another boot")
    (found,) = waiting(open_outbox(later))
    assert times(found) == (YEARS + 98, YEARS + 99, YEARS + 100, "trusted")


def test_an_alert_of_a_boot_whose_time_nobody_knows_stays_marked(open_outbox: Open):
    clock = SetClock()
    outbox = open_outbox(clock)
    outbox.add(replace(decided_at(1, clock), state="closed"))
    outbox.close()
    later = SetClock(monotonic=3, wall=YEARS, boot="another boot", trust="trusted")
    assert times(waiting(open_outbox(later))[0]) == (1098, 1099, 1100, "untrusted")


def test_what_is_known_of_a_boot_is_forgotten_with_its_alerts(open_outbox: Open):
    for number in range(5):
        clock = SetClock(boot=f"boot {number}", trust="trusted")
        outbox = open_outbox(clock)
        outbox.add(replace(decided_at(number, clock), state="closed"))
        if number < 4:
            outbox.remove([row.sequence for row in outbox.waiting(limit=9)])
        outbox.close()
    db = open_outbox(clock)._file._connection()
    assert [boot for (boot,) in db.execute("SELECT id FROM boot ORDER BY id")] == ["boot 4"]


def test_a_violation_left_open_is_closed_with_times_that_are_put_right_together(open_outbox: Open):
    clock = SetClock()
    outbox = open_outbox(clock)
    outbox.add(decided_at(1, clock))
    outbox.close()
    clock.monotonic, clock.wall = 160.0, 5160.0  # It stepped, and is wrong still.
    outbox = open_outbox(clock)
    _, closed = waiting(outbox)
    assert times(closed) == (5098, 5099, 5160, "untrusted")
    clock.set_right(began=YEARS)
    _, closed = waiting(outbox)
    assert times(closed) == (YEARS + 98, YEARS + 99, YEARS + 160, "trusted")


def test_a_violation_of_an_earlier_boot_is_closed_and_never_moved(open_outbox: Open):
    clock = SetClock()
    outbox = open_outbox(clock)
    outbox.add(decided_at(1, clock))
    outbox.close()
    clock = SetClock(monotonic=10, wall=YEARS, boot="another boot", trust="trusted")
    _, closed = waiting(open_outbox(clock))
    assert times(closed) == (1098, 1099, YEARS, "untrusted")


def test_how_long_an_alert_waited_does_not_depend_on_the_wall_clock(open_outbox: Open):
    clock = SetClock()
    outbox = open_outbox(clock)
    outbox.add(replace(decided_at(1, clock), state="closed"))
    clock.set_right(began=YEARS)
    assert outbox.age(outbox.waiting()[0]) < 60
    outbox.close()
    again = open_outbox(clock)
    assert again.age(again.waiting()[0]) < 60
    again.close()
    rebooted = open_outbox(SetClock(boot="another boot"))
    assert rebooted.age(rebooted.waiting()[0]) == float("inf")
