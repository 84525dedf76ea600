"""Load shed: how many frames a hot, throttled or late device processes."""

from edge.config import Health
from edge.health.health import Throttling
from edge.health.shedding import DOWN_SECONDS, STEPS, UP_SECONDS, Shedder

SLOWED = Throttling(now=("throttled",), since_boot=("throttled",))
FINE = Throttling(now=(), since_boot=("throttled",))


def processed(shedder: Shedder, start: float, *, rate: float = 30, seconds: float = 10) -> float:
    """Frames per second that pass of a camera that delivers at this rate."""
    moments = [start + number / rate for number in range(int(seconds * rate))]
    return sum(shedder.wants("door", moment - 0.01, moment) for moment in moments) / seconds


def test_a_cool_device_skips_no_frame() -> None:
    shedder = Shedder(Health())
    shedder.judge(60, FINE, 0.0)
    assert processed(shedder, 1) == 30
    assert shedder.state.most_frames_per_second is None
    assert shedder.skipped("door") == 0


def test_a_hot_device_skips_ever_more_frames_but_never_all() -> None:
    shedder = Shedder(Health(hot=80))
    rates = []
    for number in range(6):
        shedder.judge(81, None, number * UP_SECONDS)
        rates.append(processed(shedder, 1000 * (number + 1)))
    assert rates == sorted(rates, reverse=True)
    assert abs(rates[0] - STEPS[0]) <= 0.15 * STEPS[0]
    assert abs(rates[-1] - STEPS[-1]) <= 0.15 * STEPS[-1]
    assert shedder.state.most_frames_per_second == 1
    assert shedder.state.reason == "too hot: 81 °C"
    assert shedder.skipped("door") > 0


def test_steps_are_not_taken_faster_than_one_can_show() -> None:
    shedder = Shedder(Health(hot=80))
    for tenth in range(int(10 * UP_SECONDS)):
        shedder.judge(85, None, tenth / 10)
    assert shedder.state.most_frames_per_second == STEPS[0]


def test_a_device_that_has_cooled_down_takes_up_more_frames_one_step_at_a_time() -> None:
    shedder = Shedder(Health(hot=80))
    shedder.judge(85, None, 0)
    shedder.judge(85, None, UP_SECONDS)
    at = UP_SECONDS + 1
    most = []
    while at < 10 * DOWN_SECONDS:
        shedder.judge(70, None, at)
        most.append(shedder.state.most_frames_per_second)
        at += 5
    assert list(dict.fromkeys(most)) == [STEPS[1], STEPS[0], None]


def test_a_device_just_below_the_limit_does_not_swing() -> None:
    shedder = Shedder(Health(hot=80))
    shedder.judge(80, None, 0)
    for at in range(10, 3000, 10):
        shedder.judge(77, None, at)
    assert shedder.state.most_frames_per_second == STEPS[0]
    shedder.judge(74, None, 3000)
    shedder.judge(74, None, 3000 + DOWN_SECONDS)
    assert shedder.state.most_frames_per_second is None


def test_a_throttled_device_skips_frames_until_it_is_no_more() -> None:
    shedder = Shedder(Health())
    shedder.judge(None, SLOWED, 0)
    assert shedder.state.reason == "the hardware slows down: throttled"
    shedder.judge(None, FINE, 10)
    shedder.judge(None, FINE, 10 + DOWN_SECONDS)
    assert shedder.state.most_frames_per_second is None


def test_late_frames_are_skipped_and_lower_the_rate() -> None:
    shedder = Shedder(Health(late_after=0.5))
    assert shedder.wants("door", 100.0, 100.1)
    assert not shedder.wants("door", 100.0, 100.6)
    for number in range(20):
        shedder.wants("door", 101 + number / 20, 101.7 + number / 20)
    shedder.judge(50, None, 103)
    assert shedder.state.most_frames_per_second == STEPS[0]
    assert "frames were late" in (shedder.state.reason or "")


def test_a_camera_whose_frames_are_all_late_still_has_one_a_second_processed() -> None:
    shedder = Shedder(Health(late_after=0.5))
    wanted = [shedder.wants("door", n / 10 - 5, n / 10) for n in range(100)]
    assert 9 <= sum(wanted) <= 11


def test_each_camera_has_its_own_share() -> None:
    shedder = Shedder(Health())
    shedder.judge(90, None, 0)
    assert shedder.wants("door", 0, 0.01)
    assert shedder.wants("gate", 0, 0.02)
    assert not shedder.wants("door", 0, 0.03)
    assert (shedder.skipped("door"), shedder.skipped("gate")) == (1, 0)
