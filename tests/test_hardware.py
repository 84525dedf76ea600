"""Temperature and throttling, from folders as a Pi, a Jetson and other machines have them."""

from pathlib import Path

import pytest

from edge.health.temperature import hottest
from edge.health.throttling import throttling

FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"


def put(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def zone(root: Path, number: int, kind: str, temp: str) -> None:
    put(root, f"sys/class/thermal/thermal_zone{number}/type", f"{kind}\n")
    put(root, f"sys/class/thermal/thermal_zone{number}/temp", f"{temp}\n")


def cooling(root: Path, number: int, kind: str, state: str) -> None:
    put(root, f"sys/class/thermal/cooling_device{number}/type", f"{kind}\n")
    put(root, f"sys/class/thermal/cooling_device{number}/cur_state", f"{state}\n")


def test_a_pi_tells_its_one_temperature(tmp_path: Path) -> None:
    zone(tmp_path, 0, "cpu-thermal", "48686")
    assert hottest(tmp_path) == pytest.approx(48.686)


def test_of_a_jetsons_zones_the_hottest_of_the_processor_counts(tmp_path: Path) -> None:
    zone(tmp_path, 0, "CPU-therm", "51500")
    zone(tmp_path, 1, "GPU-therm", "49000")
    zone(tmp_path, 2, "PMIC-Die", "100000")  # a constant
    zone(tmp_path, 3, "AO-therm", "-256000")  # off
    zone(tmp_path, 4, "cv0-thermal", "")
    (tmp_path / "sys/class/thermal/thermal_zone5").mkdir()
    assert hottest(tmp_path) == 51.5


def test_a_machine_without_sensors_has_no_temperature_and_tells_no_throttling(
    tmp_path: Path,
) -> None:
    assert hottest(tmp_path) is None
    assert throttling(tmp_path) is None


@pytest.mark.parametrize(
    ("bits", "now", "since_boot"),
    [
        ("0", (), ()),
        ("1", ("under-voltage",), ()),
        ("50005", ("under-voltage", "throttled"), ("under-voltage", "throttled")),
        ("80008", ("soft temperature limit",), ("soft temperature limit",)),
        ("e0000", (), ("frequency capped", "throttled", "soft temperature limit")),
    ],
)
def test_the_bits_of_a_pis_kernel_are_put_into_words(
    tmp_path: Path, bits: str, now: tuple[str, ...], since_boot: tuple[str, ...]
) -> None:
    put(tmp_path, FIRMWARE, f"{bits}\n")
    found = throttling(tmp_path)
    assert found is not None
    assert (found.now, found.since_boot) == (now, since_boot)


@pytest.mark.parametrize(
    ("script", "now"),
    [
        ("echo throttled=0x50002", ("frequency capped",)),
        ("echo VCHI initialization failed; exit 255", None),
        ('printf "\\377\\376"', None),
        ("sleep 20", None),
    ],
)
def test_where_the_kernel_does_not_tell_vcgencmd_is_asked(
    tmp_path: Path, script: str, now: tuple[str, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.health.throttling.ASK_SECONDS", 0.5)
    put(tmp_path, "usr/bin/vcgencmd", f"#!/bin/sh\n[ $1 = get_throttled ] && exec sh -c '{script}'")
    (tmp_path / "usr/bin/vcgencmd").chmod(0o755)
    found = throttling(tmp_path)
    assert (found and found.now) == now


def test_a_jetson_that_slows_its_processor_down_is_throttled(tmp_path: Path) -> None:
    cooling(tmp_path, 0, "pwm-fan", "3")
    assert throttling(tmp_path) is None
    cooling(tmp_path, 1, "thermal-cpufreq-0", "0")
    cooling(tmp_path, 2, "thermal-devfreq-1", "0")
    found = throttling(tmp_path)
    assert found is not None
    assert found.now == ()
    cooling(tmp_path, 2, "thermal-devfreq-1", "2")
    found = throttling(tmp_path)
    assert found is not None
    assert found.now == ("frequency capped",)
