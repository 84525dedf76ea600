"""The soak: many frames through the real runtime, whose memory must not grow."""

import subprocess
import sys

import pytest

from benchmarks.soak import LIMIT, Sample, growth
from tests.brokers import MOSQUITTO


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_the_memory_of_the_runtime_does_not_grow_while_camera_and_broker_come_and_go() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--frames", "3000"],
        capture_output=True, text=True, timeout=580, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3,000 frames in" in done.stdout
    assert "broke off" in done.stderr
    assert "the connection was lost" in done.stderr


def samples(*memory: float) -> list[Sample]:
    return [Sample((n + 1) * 500, int(bytes_), 4, 10) for n, bytes_ in enumerate(memory)]


def test_what_a_device_takes_at_its_start_is_no_growth() -> None:
    assert growth(samples(*[1e8 + 1e6 * n for n in range(25)], *[1.25e8] * 75)) == 0


def test_a_leak_of_some_bytes_a_frame_is_growth() -> None:
    assert growth(samples(*[1e8 + 3 * 500 * n for n in range(2_000_000 // 500)])) > LIMIT


def test_a_leak_that_a_short_soak_can_see_is_growth() -> None:
    assert growth(samples(*[1e8 + 100_000 * n for n in range(100)])) > LIMIT


def test_a_single_high_sample_is_no_growth() -> None:
    assert growth(samples(*[1e8] * 99, 2e8)) == 0
