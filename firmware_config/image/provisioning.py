"""All that an image gets for one device, beside the payload."""

from pathlib import Path
from typing import Final

from edge.errors import MaskGateError
from firmware_config.image.boot_files import with_lines, with_words
from firmware_config.image.cloud_init import NETWORK_CONFIG, cloud_init_files
from firmware_config.image.fat import Boot
from firmware_config.image.first_run import first_run_files
from firmware_config.image.wifi import network_of
from firmware_config.inventory import Device
from firmware_config.profile import Profile, System

PAYLOAD: Final = "maskgate/payload.tar"
_ON_DEVICE = ("set-up.sh", "maskgate-install.service")
_BEFORE = ".before"
"""Ends the name of what was there before, which is kept."""


def provisioning(boot: Boot, system: System, device: Device, profile: Profile) -> dict[str, bytes]:
    """What goes onto an image's boot partition, so that it becomes a device's own.

    Args:
        boot: the partition, as the image has it.
        system: how the image sets itself up.
        device: whose it will be.
        profile: how it boots.

    Returns:
        What is in each file, by its path.

    Raises:
        MaskGateError: the image was made for a device already, lacks a file, or its Wi-Fi
            password is none.
    """
    if boot.read(PAYLOAD) is not None:
        raise MaskGateError(
            "image: it was made for a device already, whose secrets it may hold; begin with the "
            "image as it was downloaded"
        )
    network = network_of(device.wifi) if device.wifi else None
    first_run = system.provisioning == "firstrun"
    cmdline = with_words(
        _text(boot, "cmdline.txt"),
        country=network.country if network else None,
        first_run=first_run,
    )
    config = with_lines(_text(boot, "config.txt"), profile.boot.config_txt)
    own = first_run_files(device, network) if first_run else cloud_init_files(device, network)
    return {
        **{f"maskgate/{name}": _on_device(name) for name in _ON_DEVICE},
        **_kept(boot, own),
        **own,
        "config.txt": config.encode(),
        "cmdline.txt": cmdline.encode(),
    }


def _kept(boot: Boot, own: dict[str, bytes]) -> dict[str, bytes]:
    """What the own files replace, under another name.

    A network's file is there in any case: it is what replaces the key when that is not needed any
    more.
    """
    found = {name: boot.read(name) for name in own}
    if NETWORK_CONFIG in own:
        found[NETWORK_CONFIG] = found[NETWORK_CONFIG] or b""
    return {f"{name}{_BEFORE}": text for name, text in found.items() if text is not None}


def _on_device(name: str) -> bytes:
    return Path(__file__).with_name("on_device").joinpath(name).read_bytes()


def _text(boot: Boot, name: str) -> str:
    found = boot.read(name)
    if found is None:
        raise MaskGateError(
            f"image: its boot partition has no {name}; name an image of Raspberry Pi OS"
        )
    return found.decode(errors="surrogateescape")
