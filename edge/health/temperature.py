"""How hot the device is, as Linux tells it in /sys/class/thermal; alike on a Pi and a Jetson."""

from pathlib import Path

ELSEWHERE = ("iwlwifi", "pmic", "battery", "acpitz")
"""Beginnings of the names of zones that say nothing about the processor; some are constants."""
PLAUSIBLE = (-40.0, 150.0)
"""°C; a sensor that is off or broken says something else."""


def hottest(root: Path = Path("/")) -> float | None:
    """The temperature of the hottest part of the processor, in °C.

    Args:
        root: the folder that holds sys/; another one in tests.

    Returns:
        None where nothing is told.
    """
    zones = (root / "sys/class/thermal").glob("thermal_zone*")
    found = [degrees for zone in zones if (degrees := _degrees(zone)) is not None]
    return max(found, default=None)


def _degrees(zone: Path) -> float | None:
    try:
        if (zone / "type").read_text().strip().lower().startswith(ELSEWHERE):
            return None
        degrees = int((zone / "temp").read_text()) / 1000
    except (OSError, ValueError):  # a Jetson's zones of parts that are off
        return None
    return degrees if PLAUSIBLE[0] <= degrees <= PLAUSIBLE[1] else None
