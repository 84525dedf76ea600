"""A device and its broker by options of the command line, without an inventory."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from edge.errors import MaskGateError
from edge.faults import Keys, explain, read_toml
from edge.mqtt.broker_url import parse_broker_url
from edge.paths import reason
from firmware_config.inventory import Broker, Device, Fleet
from firmware_config.profile import load_profile
from firmware_config.settings import find_faults, with_bundles_from

_OPTION_OF = {
    "id": "--device-id",
    "wifi.ssid": "--wifi",
    "wifi.password_file": "--wifi-password-file",
    "wifi.country": "--wifi-country",
    "ssh_keys": "--ssh-key",
}
"""The option of a key, where it is not the key with hyphens."""
Model = TypeVar("Model", bound=BaseModel)
_NEEDED = ("profile", "site", "device_id")
_KEY_LIMIT = 20_000
"""Characters of a public key's file; an RSA key has some hundred."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says of a device; None: nothing."""

    profile: str | None = None
    site: str | None = None
    device_id: str | None = None
    broker: str | None = None
    """host[:port], or mqtts://host[:port]; this machine when None."""
    secrets: Path | None = None
    host: str | None = None
    hostname: str | None = None
    source: str | None = None
    config: Path | None = None
    """TOML of the settings that differ."""
    wifi: str | None = None
    wifi_password_file: Path | None = None
    wifi_country: str | None = None
    ssh_key: tuple[Path, ...] = ()
    """Files of public keys."""
    user: str | None = None
    timezone: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Those that are given, by their names."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in values.items() if value not in (None, ())}


def one_device(options: Options, tell: Callable[[str], None]) -> Fleet:
    """Make a fleet of the one device that options describe.

    Args:
        options: of the command line.
        tell: is told what was taken because nothing was given.

    Raises:
        MaskGateError: something is missing or wrong: every fault with its option, one a line.
    """
    given = options.given
    missing = [name for name in _NEEDED if name not in given]
    if missing:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise MaskGateError(f"{names}: not given; give them, or --fleet FILE and --device ID")
    faults: list[str] = []
    broker = _broker(options.broker, faults, tell)
    device = _checked(Device, _table(options, faults), faults)
    profile = None
    try:
        profile = load_profile(str(options.profile))
    except MaskGateError as error:
        faults += [f"--profile: {line}" for line in str(error).splitlines()]
    if device and profile:
        stand_in = broker or Broker(host="localhost")
        faults += find_faults(device, profile, stand_in, lambda _: f"--config {options.config}")
    if faults or broker is None or device is None:
        raise MaskGateError("\n".join(dict.fromkeys(faults)))
    secrets = (options.secrets or Path("secrets")).expanduser()
    return Fleet(broker=broker, devices=[device], secrets=secrets)


def _broker(text: str | None, faults: list[str], tell: Callable[[str], None]) -> Broker | None:
    if text is None:
        name = socket.gethostname()
        text = name if "." in name else f"{name}.local"
        tell(f"broker: none is given, so devices will look for this machine, {text}, port 8883")
    try:
        address = parse_broker_url(text if "://" in text else f"mqtts://{text}")
    except ValueError:
        faults.append("--broker: expected host[:port], e.g. broker.example or 10.0.0.5:8883")
        return None
    if not address.tls or address.user:
        faults.append(
            "--broker: expected host[:port] alone: devices use TLS, and each its id as user"
        )
        return None
    found = {"host": address.host, "port": address.port}
    return _checked(Broker, found, faults, lambda _: "--broker")


def _table(options: Options, faults: list[str]) -> dict[str, Any]:
    """The device as an inventory would have it."""
    given = options.given
    table: dict[str, Any] = {
        name: given[name]
        for name in ("profile", "site", "host", "hostname", "source", "user", "timezone")
        if name in given
    }
    table["id"] = given["device_id"]
    wifi = {
        "ssid": given.get("wifi"),
        "password_file": given.get("wifi_password_file"),
        "country": given.get("wifi_country"),
    }
    if any(wifi.values()):
        table["wifi"] = {name: value for name, value in wifi.items() if value is not None}
    table["ssh_keys"] = [line for file in options.ssh_key for line in _lines(file, faults)]
    if options.config:
        found = read_toml(options.config, "settings", "give --config an existing file")
        table["settings"] = with_bundles_from(options.config.parent, found)
    return table


def _lines(file: Path, faults: list[str]) -> list[str]:
    """The keys in a file, as in authorized_keys."""
    try:
        with file.expanduser().open(encoding="utf-8", errors="replace") as opened:
            lines = opened.read(_KEY_LIMIT).splitlines()
    except OSError as error:
        faults.append(f"--ssh-key {file}: {reason(error)}")
        return []
    keys = [line for line in lines if line.strip() and not line.startswith("#")]
    if not keys:
        faults.append(f"--ssh-key {file}: expected a public key, found nothing")
    # A private key has many lines; one fault is enough.
    return keys[:1] if "PRIVATE KEY" in "".join(keys[:1]) else keys


def _checked(
    model: type[Model],
    table: Mapping[str, Any],
    faults: list[str],
    place: Callable[[Keys], str] | None = None,
) -> Model | None:
    """The value, or None with its faults told."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        faults += [explain(fault, model, place or _option) for fault in error.errors()]
    return None


def _option(keys: Keys) -> str:
    for depth in (2, 1):
        named = _OPTION_OF.get(".".join(keys[:depth]))
        if named:
            return named
    return f"--{keys[0].replace('_', '-')}"
