"""What the image needs to know of a device, its profile and its network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Wifi(Protocol):
    """A wireless network."""

    @property
    def ssid(self) -> str:
        """Its name."""

    @property
    def password_file(self) -> Path:
        """The file whose first line is the password."""

    @property
    def country(self) -> str:
        """Two letters: whose radio rules hold."""


class Device(Protocol):
    """A device, as the inventory has it."""

    @property
    def id(self) -> str:
        """Its name in topics."""

    @property
    def hostname(self) -> str | None:
        """Its own name; its id where None."""

    @property
    def user(self) -> str:
        """Who logs in."""

    @property
    def ssh_keys(self) -> Sequence[str]:
        """Public keys of those who may log in."""

    @property
    def timezone(self) -> str | None:
        """Such as Europe/Berlin; the image's where None."""

    @property
    def wifi(self) -> Wifi | None:
        """The network that it joins; None for a cable."""


class System(Protocol):
    """A system that a profile fits."""

    @property
    def name(self) -> str:
        """Such as raspios-trixie."""

    @property
    def python(self) -> str:
        """The Python that it has, such as 3.13."""

    @property
    def provisioning(self) -> str | None:
        """How its image sets itself up: cloud-init or firstrun; None: there is no image."""


class BootSettings(Protocol):
    """How a device boots."""

    @property
    def config_txt(self) -> Sequence[str]:
        """Lines of a Raspberry Pi's config.txt."""


class Profile(Protocol):
    """A kind of device."""

    @property
    def name(self) -> str:
        """Such as pi5."""

    @property
    def machine(self) -> str | None:
        """Its processor, as `uname -m` says it."""

    @property
    def os(self) -> Sequence[System]:
        """The systems that it fits."""

    @property
    def boot(self) -> BootSettings:
        """How it boots."""
