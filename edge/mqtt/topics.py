"""The MQTT topics of a device."""

from edge.config import Device

ROOT = "maskgate"


def topic(device: Device, name: str) -> str:
    """The device's topic of that name, e.g. "alert" or "status"."""
    return f"{ROOT}/{device.site}/{device.id}/{name}"
