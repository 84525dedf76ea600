"""How an image sets itself up by cloud-init: files of its data source NoCloud."""

import hashlib
import json
import re
from typing import Any, Final

from firmware_config.image.wifi import Network, netplan
from firmware_config.inventory import Device

USER_DATA: Final = "user-data"
META_DATA: Final = "meta-data"
NETWORK_CONFIG: Final = "network-config"
_NOTE = "# Made by MaskGate for one device."
_SET_UP = "/boot/firmware/maskgate/set-up.sh"
_GROUPS = ("adm", "dialout", "netdev", "plugdev", "render", "sudo", "users", "video")
_NOT_PLAIN = re.compile(r"[^\x20-\x7e\n]")


def cloud_init_files(device: Device, network: Network | None) -> dict[str, bytes]:
    """The files that cloud-init reads at the first boot.

    Args:
        device: who it is, and who may log in.
        network: its Wi-Fi; where there is none, the image's own network-config stays.

    Returns:
        What is in each, by its name on the FAT partition.
    """
    user_data = f"#cloud-config\n{_NOTE}\n{_yaml(_user_data(device))}".encode()
    files = {USER_DATA: user_data}
    if network:
        files[NETWORK_CONFIG] = f"{_NOTE}\n{_yaml(netplan(network))}".encode()
    # Another instance is set up anew: the same card with other data, and nothing else.
    digest = hashlib.sha256(b"".join(files.values())).hexdigest()[:12]
    meta_data = {"dsmode": "local", "instance-id": f"maskgate-{digest}"}
    return {META_DATA: f"{_NOTE}\n{_yaml(meta_data)}".encode(), **files}


def _user_data(device: Device) -> dict[str, Any]:
    user = {
        "name": device.user,
        "gecos": "MaskGate administrator",
        "groups": list(_GROUPS),
        "shell": "/bin/bash",
        "lock_passwd": True,
        # Without a password there is none that sudo could ask for.
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "ssh_authorized_keys": list(device.ssh_keys),
    }
    if not device.ssh_keys:
        del user["ssh_authorized_keys"]
    data: dict[str, Any] = {
        "hostname": device.hostname,
        "manage_etc_hosts": True,
        "users": [user],
        "disable_root": True,
        "ssh_pwauth": False,
        "ntp": {"enabled": True, "ntp_client": "systemd-timesyncd"},
        # At every boot, for a power cut may end the first one at any moment; when all is done the
        # script is gone.
        "bootcmd": [["sh", "-c", f"[ ! -e {_SET_UP} ] || exec bash {_SET_UP} prepare"]],
    }
    if device.timezone:
        data["timezone"] = device.timezone
    return data


def _yaml(value: object) -> str:
    """Values as JSON, which is YAML; what YAML does not take as it is, as its own escapes."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    return _NOT_PLAIN.sub(lambda found: f"\\U{ord(found[0]):08x}", text)
