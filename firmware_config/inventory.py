"""The devices of a fleet and their broker, out of fleet.toml."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from edge.config import HomePath, Name, Section
from edge.faults import nearest

ADMIN = "maskgate-admin"
"""Who logs in on a device by a key, unless the inventory says otherwise."""
_NOT_ADMINS = {"root", "maskgate"}
"""No login by ssh, and the service's own user."""
_KEY = re.compile(r"(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,3}( [^\x00-\x1f\x7f]*)?")
_HOST = re.compile(
    r"([A-Za-z_][A-Za-z0-9_.-]*@)?([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
)
_DNS_NAME = re.compile(r"(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.|$))+")
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
HostName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$")]
"""A machine's own name: no underscores, which no resolver takes."""


def _is_address(text: str) -> str:
    if _DNS_NAME.fullmatch(text):
        return text
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("expected a host name or an IP address, e.g. broker.example") from None


def _is_public_key(text: str) -> str:
    text = text.strip()
    if "PRIVATE KEY" in text:
        raise ValueError("it is a private key; give the public one, the line in its .pub file")
    if not _KEY.fullmatch(text):
        raise ValueError("expected a line as in a .pub file, e.g. ssh-ed25519 AAAA… you@desk")
    return text


def _is_timezone(name: str) -> str:
    known = available_timezones()  # none where this machine has no such database
    if known and name not in known:
        raise ValueError(f"no time zone of that name{nearest(name, sorted(known))}")
    if not _ZONE.fullmatch(name):
        raise ValueError("expected a time zone, e.g. Europe/Berlin")
    return name


Address = Annotated[str, AfterValidator(_is_address)]
PublicKey = Annotated[str, AfterValidator(_is_public_key)]
TimeZone = Annotated[str, AfterValidator(_is_timezone)]


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
    id: Name = Field(description="The device; its user at the broker, part of every topic.")
    profile: str = Field(min_length=1, description="A profile's name, or a file.")
    host: str | None = Field(None, description="[user@]host[:port], to flash it over ssh.")
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

    @field_validator("host")
    @classmethod
    def _is_host(cls, host: str | None) -> str | None:
        if host is not None and not _HOST.fullmatch(host):
            raise ValueError("expected [user@]host[:port], e.g. pi@north-door.local")
        return host

    @field_validator("hostname")
    @classmethod
    def _is_never_missing(cls, hostname: str | None, known: ValidationInfo) -> str | None:
        if hostname is not None or "id" not in known.data:
            return hostname
        return str(known.data["id"]).replace("_", "-").strip("-").lower()

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
