"""Who a device is, and who may log in on it, with nothing in it that could break out of a file."""

import re
from dataclasses import dataclass

from edge.errors import MaskGateError
from firmware_config.image.values import Device

_HOSTNAME = re.compile("[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_USER = re.compile("[a-z_][a-z0-9_-]{0,31}")
_TIMEZONE = re.compile("[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){0,2}")
_KEY = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Login:
    """A device's own name, and its one user."""

    hostname: str
    user: str
    keys: tuple[str, ...]
    timezone: str | None


def login_of(device: Device) -> Login:
    """Take a device's names and keys, and check them.

    Raises:
        MaskGateError: one is not of the form that the device's system expects.
    """
    hostname = device.hostname or device.id
    _require(hostname, _HOSTNAME, "hostname", "letters a to z, digits and hyphens")
    _require(device.user, _USER, "user", "a name of Linux: a to z, digits, hyphens")
    if device.user in ("root", "maskgate"):
        raise MaskGateError(f"user {device.user}: it has no login; expected another name")
    if device.timezone is not None:
        _require(device.timezone, _TIMEZONE, "timezone", "such as Europe/Berlin")
    keys = tuple(key.strip() for key in device.ssh_keys)
    for key in keys:
        _require(key, _KEY, "ssh_keys", "each a public key, one line")
    return Login(hostname, device.user, keys, device.timezone)


def _require(value: str, pattern: re.Pattern[str], key: str, expected: str) -> None:
    if not pattern.fullmatch(value):
        raise MaskGateError(f"{key} {value!r}: expected {expected}")
