"""The devices of a fleet and their broker, out of fleet.toml."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator

from edge.config import HomePath, Name, Section
from edge.errors import MaskGateError
from edge.faults import Keys, explain, read_toml
from firmware_config.logins import of_a_device
from firmware_config.merging import lay_over
from firmware_config.names import Address, Host, HostName, PublicKey, TimeZone
from firmware_config.profile import Profile, is_file_name, load_profile
from firmware_config.settings import find_faults, with_bundles_from

ADMIN = "maskgate-admin"
"""Who logs in on a device by a key, unless the inventory says otherwise."""
DeviceId = Annotated[Name, AfterValidator(of_a_device)]
_NOT_ADMINS = {"root", "maskgate"}
"""No login by ssh, and the service's own user."""


def usual_hostname(device_id: str) -> str:
    """The host name of a device whose inventory gives it none."""
    return device_id.replace("_", "-").strip("-").lower()


class Wifi(Section):
    """A wireless network."""

    ssid: str = Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=32, description="Its name.")
    password_file: HomePath = Field(description="File whose first line is the password.")
    country: str = Field(pattern="^[A-Z]{2}$", description="Whose radio rules hold, e.g. DE.")

    @field_validator("ssid")
    @classmethod
    def _fits(cls, ssid: str) -> str:
        if len(ssid.encode()) > 32:
            raise ValueError("expected at most 32 bytes")
        return ssid


class Broker(Section):
    """The broker that all devices report to."""

    host: Address = Field(description="The name or IP address that devices reach it by.")
    port: int = Field(8883, ge=1, le=65_535, description="TCP port of MQTT over TLS.")
    names: list[Address] = Field(
        default_factory=list, description="More names or addresses in its certificate."
    )

    def url(self, user: str) -> str:
        """The broker as a device's settings name it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mqtts://{user}@{host}:{self.port}"


class Device(Section):
    """A device: what is flashed, and how it is reached."""

    site: Name = Field(description="The building; part of every topic.")
    id: DeviceId = Field(description="The device; its user at the broker, part of every topic.")
    profile: str = Field(min_length=1, description="A profile's name, or a file.")
    host: Host | None = Field(None, description="[user@]host[:port], to flash it over ssh.")
    hostname: HostName | None = Field(None, description="Its own name; by default from its id.")
    source: str | None = Field(None, min_length=1, description="What its camera's source is.")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="What differs, as in maskgate.toml."
    )
    wifi: Wifi | None = None
    ssh_keys: list[PublicKey] = Field(
        default_factory=list, description="Public keys of those who may log in."
    )
    user: str = Field(ADMIN, pattern="^[a-z_][a-z0-9_-]{0,31}$", description="Who logs in.")
    timezone: TimeZone | None = Field(None, description="e.g. Europe/Berlin.")

    @field_validator("hostname")
    @classmethod
    def _is_never_missing(cls, hostname: str | None, known: ValidationInfo) -> str | None:
        return (hostname or usual_hostname(known.data.get("id", ""))).lower() or None

    @field_validator("user")
    @classmethod
    def _is_a_person(cls, user: str) -> str:
        if user in _NOT_ADMINS:
            raise ValueError(f"expected a user of its own, not {' or '.join(sorted(_NOT_ADMINS))}")
        return user


class Fleet(Section):
    """All devices of one broker."""

    broker: Broker
    devices: list[Device] = Field(min_length=1)
    secrets: HomePath = Field(
        Path("secrets"), description="Folder of keys and passwords, made at the first use."
    )


class _File(Fleet):
    """The file's keys, for messages: those of a fleet, and what all its devices have alike."""

    defaults: Device


def load_fleet(path: Path) -> Fleet:
    """Read an inventory.

    What stands in [defaults] holds for every device that does not say otherwise. Relative paths
    are taken from the file's folder.

    Args:
        path: fleet.toml.

    Raises:
        MaskGateError: it cannot be read, or is wrong: every fault with file and key, one a line.
    """
    return _Reading(path).fleet()


class _Reading:
    """A file on its way to a fleet, and what is wrong with it."""

    def __init__(self, path: Path) -> None:
        way_out = "name an inventory, such as docs/flashing.md shows"
        self._table = read_toml(path, "fleet", way_out)
        self._path = path
        self._faults: list[str] = []
        self._defaults = self._table.pop("defaults", {})
        if not isinstance(self._defaults, dict):
            self._tell("defaults", "expected a table")
            self._defaults = {}
        devices = self._table.get("devices")
        self._own: list[Any] = devices if isinstance(devices, list) else []

    def fleet(self) -> Fleet:
        """Check everything, then give the fleet or raise."""
        whole = [
            lay_over(self._defaults, one) if isinstance(one, dict) else one for one in self._own
        ]
        fleet = self._checked({**self._table, "devices": whole} if whole else self._table)
        self._tell_what_is_twice([one for one in whole if isinstance(one, dict)])
        for place, table in enumerate(whole):
            if isinstance(table, dict):
                self._check_settings(place, table, self._profile(place, table))
        if fleet is None or self._faults:
            raise MaskGateError("\n".join(dict.fromkeys(self._faults)))
        devices = [self._from_folder(device) for device in fleet.devices]
        secrets = self._path.parent / fleet.secrets
        return fleet.model_copy(update={"devices": devices, "secrets": secrets})

    def _checked(self, table: Mapping[str, Any]) -> Fleet | None:
        for key in ("id", "host", "hostname"):
            if key in self._defaults:
                self._tell(f"defaults.{key}", "each device has its own; move it there")
        try:
            return Fleet.model_validate(table)
        except ValidationError as error:
            for fault in error.errors():
                named = {**fault, "loc": self._named(fault["loc"])}
                self._faults.append(explain(named, _File, lambda _: f"fleet {self._path}"))
        return None

    def _named(self, keys: tuple[int | str, ...]) -> tuple[int | str, ...]:
        """The keys as a person finds them: a device by its id, or the defaults."""
        if len(keys) < 2 or keys[0] != "devices":
            return keys
        place, rest = int(keys[1]), keys[2:]
        if rest and not _holds(self._own[place], rest) and _holds(self._defaults, rest):
            return ("defaults", *rest)
        return ("devices", self._name(place), *rest)

    def _name(self, place: int) -> str:
        """What a device is called in messages: its id, or its number from 1 on."""
        found = self._own[place].get("id") if isinstance(self._own[place], dict) else None
        return found if isinstance(found, str) and found else str(place + 1)

    def _tell_what_is_twice(self, devices: list[dict[str, Any]]) -> None:
        seen: dict[tuple[str, str], str] = {}
        for device in devices:
            name = str(device.get("id", ""))
            for key, value in _unique(device):
                first = seen.setdefault((key, value), name)
                if first is name:
                    continue
                if key == "id" or first.lower() != name.lower():
                    self._tell(f"devices.{name}.{key}", f"{value} is {key} of {first} already")

    def _profile(self, place: int, table: Mapping[str, Any]) -> Profile | None:
        """A device's profile; None where there is no such, which is told."""
        profile = table.get("profile")
        if not isinstance(profile, str) or not profile:
            return None  # told with the fleet
        try:
            return load_profile(self._path_of(profile))
        except MaskGateError as error:
            key = ".".join(map(str, self._named(("devices", place, "profile"))))
            for line in str(error).splitlines():
                self._tell(key, line)
        return None

    def _check_settings(
        self, place: int, table: Mapping[str, Any], profile: Profile | None
    ) -> None:
        """Check a device's settings, whatever else is wrong with it."""

        def where(keys: Keys) -> str:
            named = self._named(("devices", place, "settings", *keys))
            return f"fleet {self._path}: {'.'.join(map(str, named[: len(named) - len(keys)]))}"

        settings, source = table.get("settings", {}), table.get("source")
        if not isinstance(settings, dict):
            return
        device = Device(
            site="site",
            id="device",
            profile="any",
            settings=settings,
            source=source if isinstance(source, str) and source else None,
        )
        beneath = profile or Profile(name="none", description="none")
        self._faults += find_faults(device, beneath, Broker(host="localhost"), where)

    def _from_folder(self, device: Device) -> Device:
        """The device with its relative paths taken from the file's folder."""
        folder = self._path.parent
        changed: dict[str, Any] = {"settings": with_bundles_from(folder, device.settings)}
        if device.wifi:
            file = folder / device.wifi.password_file
            changed["wifi"] = device.wifi.model_copy(update={"password_file": file})
        return device.model_copy(update={**changed, "profile": self._path_of(device.profile)})

    def _path_of(self, profile: str) -> str:
        if not is_file_name(profile):
            return profile
        return str(self._path.parent / Path(profile).expanduser())

    def _tell(self, key: str, wrong: str) -> None:
        self._faults.append(f"fleet {self._path}: {key}: {wrong}")


def _unique(device: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What no two devices may share, as far as it is there, without capitals."""
    name, host = str(device.get("id", "")), device.get("host")
    if name:
        yield "id", name.lower()
        yield "hostname", str(device.get("hostname") or usual_hostname(name)).lower()
    if isinstance(host, str):
        yield "host", host.rpartition("@")[2].lower()


def _holds(table: Any, keys: tuple[int | str, ...]) -> bool:
    for key in keys:
        try:
            table = table[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True
