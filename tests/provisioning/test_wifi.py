"""A device finds its network, whatever that is called, and its password is nowhere."""

import configparser
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.errors import MaskGateError
from firmware_config.image.cloud_init import cloud_init_files
from firmware_config.image.first_run import first_run_files
from firmware_config.image.wifi import Network, connection, network_of
from firmware_config.inventory import Wifi
from tests.first_boot import found
from tests.provisioning.networks import HOSTILE_NAMES
from tests.raspios import device


def wifi(ssid: str, password_file: Path) -> Wifi:
    return Wifi(ssid=ssid, password_file=password_file, country="DE")


def network_config(network: Network) -> dict[str, Any]:
    text = cloud_init_files(device(), network)["network-config"]
    return yaml.safe_load(text)  # type: ignore[no-any-return]


@pytest.mark.parametrize("ssid", ["entrance", *HOSTILE_NAMES])
def test_cloud_init_reads_the_network_as_it_is(ssid: str) -> None:
    (name,) = network_config(Network(ssid, "ab" * 32, "DE"))["network"]["wifis"]["wlan0"][
        "access-points"
    ]
    assert name == ssid


def test_netplan_makes_a_connection_of_the_network(tmp_path: Path) -> None:
    generator, library = found("usr/libexec/netplan/generate"), found("usr/lib/*/libnetplan.so*")
    if not (generator and library):
        pytest.skip("netplan was not fetched; make test does that")
    place = tmp_path / "etc/netplan/50-cloud-init.yaml"
    place.parent.mkdir(parents=True)
    for ssid in ("entrance", 'Caf\u00e9 <\U0001f600> "x"', "'; $(touch /tmp/broken)"):
        config = network_config(Network(ssid, "ab" * 32, "DE"))
        config["network"]["renderer"] = "NetworkManager"
        place.write_text(yaml.safe_dump(config))
        place.chmod(0o600)
        subprocess.run(
            [generator, "--root-dir", tmp_path],
            check=True, env={"LD_LIBRARY_PATH": str(library.parent)},
        )  # fmt: skip
        folder = tmp_path / "run/NetworkManager/system-connections"
        (made,) = folder.glob("netplan-wlan0-*.nmconnection")
        text = made.read_text()
        assert f"\nssid={ssid}\n" in text
        assert f"\npsk={'ab' * 32}\n" in text
        made.unlink()
    service = (tmp_path / "run/systemd/system/netplan-regdom.service").read_text()
    assert "reg set DE" in service


@pytest.mark.parametrize("ssid", ["entrance", *HOSTILE_NAMES])
def test_network_managers_file_names_the_network_by_its_bytes(ssid: str) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(connection(Network(ssid, "ab" * 32, "DE")))
    numbers = parser["wifi"]["ssid"].rstrip(";").split(";")
    assert bytes(map(int, numbers)).decode() == ssid
    assert parser["wifi-security"]["psk"] == "ab" * 32
    assert parser.sections() == ["connection", "wifi", "wifi-security", "ipv4", "ipv6"]


def test_the_wifi_key_is_made_as_the_standard_says(tmp_path: Path) -> None:
    """The test vectors of IEEE 802.11, J.4.2."""
    file = tmp_path / "password"
    file.write_text("ThisIsAPassword\nand a comment\n")
    assert network_of(wifi("ThisIsASSID", file)).key == (
        "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af"
    )
    file.write_text("password")
    assert network_of(wifi("IEEE", file)).key == (
        "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
    )
    file.write_text("AB" * 32 + "\n")
    assert network_of(wifi("IEEE", file)).key == "ab" * 32


def test_the_wifi_password_itself_is_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse battery")
    network = network_of(wifi("IEEE", file))
    for made in (
        cloud_init_files(device(), network),
        first_run_files(device(), network),
    ):
        assert b"correct horse" not in b"".join(made.values())
    assert network.key not in repr(network)


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("short", "found 5 characters"),
        ("", "found 0 characters"),
        ("x" * 64, "found 64 characters"),
        ("umlauts \u00e4\u00f6\u00fc", "ASCII"),
        (None, "cannot be read"),
    ],
)
def test_a_wrong_password_is_refused_and_not_shown(
    password: str | None, expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    if password is not None:
        file.write_text(password)
    with pytest.raises(MaskGateError, match=expected) as refusal:
        network_of(wifi("IEEE", file))
    assert not password or password not in str(refusal.value)
