"""Which device a command is about: one of an inventory, or the one that options describe."""

from collections.abc import Callable
from pathlib import Path

from edge.errors import MaskGateError
from edge.faults import nearest
from firmware_config.inventory import Device, Fleet, load_fleet
from firmware_config.one_device import Options, one_device


def choose(
    inventory: Path | None, device: str | None, options: Options, tell: Callable[[str], None]
) -> tuple[Fleet, Device | None]:
    """The fleet, and the device of it that is meant.

    Args:
        inventory: fleet.toml; None: the options describe the device.
        device: its id in the inventory; None: all.
        options: that describe it.
        tell: is told what was taken because nothing was given.

    Raises:
        MaskGateError: both are given, or something is wrong with what is given.
    """
    if inventory is None:
        if device is not None:
            raise MaskGateError("--device: it names one of an inventory; give --fleet FILE as well")
        fleet = one_device(options, tell)
        return fleet, fleet.devices[0]
    if options.given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in options.given)
        raise MaskGateError(f"{names}: with --fleet it stands in the inventory; leave it out here")
    fleet = load_fleet(inventory)
    return fleet, find_device(fleet, device) if device is not None else None


def require_device(device: Device | None, fleet: Fleet) -> Device:
    """The one that is meant.

    Raises:
        MaskGateError: none was named.
    """
    if device is None:
        known = ", ".join(one.id for one in fleet.devices)
        raise MaskGateError(f"--device: not given; which of {known}?")
    return device


def find_device(fleet: Fleet, name: str) -> Device:
    """A device by its id.

    Raises:
        MaskGateError: there is none of that id.
    """
    for device in fleet.devices:
        if device.id == name:
            return device
    known = [device.id for device in fleet.devices]
    raise MaskGateError(f"--device {name}: the inventory has none of that id{nearest(name, known)}")
