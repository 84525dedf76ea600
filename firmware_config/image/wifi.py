"""Wi-Fi: the key out of the password, and the files that name the network."""

import hashlib
import re
from dataclasses import dataclass, field

from edge.errors import MaskGateError
from firmware_config.inventory import Wifi

_KEY = re.compile("[0-9a-fA-F]{64}")
_PASSPHRASE = re.compile("[ -~]{8,63}")
_ROUNDS, _BYTES = 4096, 32
"""Of PBKDF2 with HMAC-SHA1, as IEEE 802.11-2020, J.4 maps a passphrase to a key."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network, and the key that opens it and no other."""

    ssid: str
    key: str = field(repr=False)
    """64 hexadecimal digits."""
    country: str


def network_of(wifi: Wifi) -> Network:
    """Read a network's password, and make its key.

    Raises:
        MaskGateError: the password file cannot be read, or holds none.
    """
    file = wifi.password_file
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MaskGateError(
            f"wifi.password_file {file}: it cannot be read ({error}); expected the password on its "
            "first line"
        ) from error
    password = lines[0] if lines else ""
    if _KEY.fullmatch(password):
        return Network(wifi.ssid, password.lower(), wifi.country)
    if not _PASSPHRASE.fullmatch(password):
        raise MaskGateError(
            f"wifi.password_file {file}: expected on its first line a password of 8 to 63 ASCII "
            f"characters, or a key of 64 hexadecimal digits, found {len(password)} characters"
        )
    return Network(wifi.ssid, _derived(password, wifi.ssid), wifi.country)


def netplan(network: Network) -> dict[str, object]:
    """The network as cloud-init takes it (netplan's format, version 2), beside the cable."""
    return {
        "network": {
            "version": 2,
            "ethernets": {"eth0": {"dhcp4": True, "optional": True}},
            "wifis": {
                "wlan0": {
                    "dhcp4": True,
                    "optional": True,
                    "regulatory-domain": network.country,
                    "access-points": {network.ssid: {"password": network.key}},
                }
            },
        }
    }


def connection(network: Network) -> str:
    """The network as a file of NetworkManager."""
    # Its name as a list of bytes, which nothing in it can break out of.
    ssid = "".join(f"{byte};" for byte in network.ssid.encode())
    return (
        "[connection]\nid=maskgate\ntype=wifi\n\n"
        f"[wifi]\nmode=infrastructure\nssid={ssid}\n\n"
        f"[wifi-security]\nkey-mgmt=wpa-psk\npsk={network.key}\n\n"
        "[ipv4]\nmethod=auto\n\n[ipv6]\nmethod=auto\n"
    )


def _derived(password: str, ssid: str) -> str:
    key = hashlib.pbkdf2_hmac("sha1", password.encode(), ssid.encode(), _ROUNDS, _BYTES)
    return key.hex()
