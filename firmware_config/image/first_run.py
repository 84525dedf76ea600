"""How an image of Raspberry Pi OS bookworm sets itself up: a script that systemd runs once."""

import shlex
from pathlib import Path
from typing import Final

from firmware_config.image.wifi import Network, connection
from firmware_config.inventory import Device

FIRST_RUN_SCRIPT: Final = "firstrun.sh"
_SCRIPT = Path(__file__).with_name("on_device") / "first-run.sh"
_PLACE_OF_VALUES = "# VALUES\n"


def first_run_files(device: Device, network: Network | None) -> dict[str, bytes]:
    """The script and the files that it puts in place.

    Args:
        device: who it is, and who may log in.
        network: its Wi-Fi; None for a cable.

    Returns:
        What is in each, by its path on the FAT partition.
    """
    script = _SCRIPT.read_text(encoding="utf-8")
    values = {
        "hostname": device.hostname or device.id,
        "user": device.user,
        "timezone": device.timezone or "",
    }
    given = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    made = {
        FIRST_RUN_SCRIPT: script.replace(_PLACE_OF_VALUES, given).encode(),
        "maskgate/authorized_keys": "".join(f"{key}\n" for key in device.ssh_keys).encode(),
    }
    if network:
        made["maskgate/wifi.nmconnection"] = connection(network).encode()
    return made
