"""fleet.toml: devices, their defaults, and all that can be wrong with them."""

import re
from pathlib import Path

import pytest

from edge.errors import MaskGateError
from firmware_config.inventory import Fleet, Wifi, load_fleet
from firmware_config.profile import load_profile

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE7rjAxxBwfz5fT0xNHqcV0Nn4u0pXl2r5RBpXAvjPzS ops@desk"
BROKER = "[broker]\nhost = 'broker.example'\n"


def fleet(tmp_path: Path, text: str) -> Fleet:
    file = tmp_path / "fleet.toml"
    file.write_text(text, encoding="utf-8")
    return load_fleet(file)


def faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(MaskGateError) as caught:
        fleet(tmp_path, text)
    found = str(caught.value).splitlines()
    start = f"fleet {tmp_path / 'fleet.toml'}: "
    assert all(line.startswith(start) for line in found)
    return [line.removeprefix(start) for line in found]


def test_defaults_hold_where_a_device_says_nothing_else(tmp_path: Path) -> None:
    found = fleet(
        tmp_path,
        f"""
        secrets = "safe"
        {BROKER}
        names = ["10.0.0.5", "mqtt"]
        [defaults]
        site = "hq"
        profile = "pi5"
        timezone = "Europe/Berlin"
        ssh_keys = ["{KEY}"]
        wifi = {{ssid = "doors", password_file = "wifi-password", country = "DE"}}
        [defaults.settings.detector]
        min_face = 32
        [[devices]]
        id = "north-door"
        host = "pi@north-door.local"
        [[devices]]
        id = "Yard_2"
        profile = "pi4"
        source = "rtsp://10.0.0.7/live"
        wifi = {{ssid = "yard"}}
        [devices.settings.detector]
        gate = false
        """,
    )
    north, yard = found.devices
    assert (found.secrets, found.broker.port) == (tmp_path / "safe", 8883)
    assert found.broker.names == ["10.0.0.5", "mqtt"]
    assert (north.site, north.id, north.profile, north.hostname) == (
        "hq", "north-door", "pi5", "north-door",
    )  # fmt: skip
    assert (north.host, north.user, north.ssh_keys) == (
        "pi@north-door.local", "maskgate-admin", [KEY],
    )  # fmt: skip
    assert north.settings == {"detector": {"min_face": 32}}
    assert yard.settings == {"detector": {"min_face": 32, "gate": False}}
    assert (yard.profile, yard.hostname, yard.timezone) == ("pi4", "yard-2", "Europe/Berlin")
    assert yard.wifi == Wifi(ssid="yard", password_file=tmp_path / "wifi-password", country="DE")


def test_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "lobby.toml").write_text("inherits = 'pi5'\n")
    [door] = fleet(
        tmp_path,
        f"{BROKER}[[devices]]\nid = 'door'\nsite = 'hq'\nprofile = 'lobby.toml'\n"
        "[devices.settings.classifier]\nbundle = 'bundles/mine'\n",
    ).devices
    assert door.profile == str(tmp_path / "lobby.toml")
    assert door.settings["classifier"]["bundle"] == str(tmp_path / "bundles/mine")


def test_all_faults_are_told_at_once_where_they_stand(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        """
        [broker]
        host = "https://broker"
        prt = 1
        [defaults]
        site = "hq"
        profile = "pi5"
        timezone = "Europe/Berln"
        [defaults.settings.detector]
        min_fase = 3
        [[devices]]
        id = "north-door"
        [devices.settings.broker]
        url = "mqtt://elsewhere"
        [[devices]]
        id = "a/b"
        profile = "pi6"
        [[devices]]
        sit = "x"
        [devices.settings.cameras.yard]
        rate = 0
        """,
    )
    expected = [
        "broker.host: expected a host name or an IP address",
        "unknown key broker.prt; did you mean port?",
        "defaults.timezone: expected a time zone, such as Europe/Berlin, found 'Europe/Berln'",
        "devices.a/b.id: string should match pattern",
        "unknown key devices.3.sit; did you mean site?",
        "devices.3.id: missing",
        "defaults.settings: unknown key detector.min_fase; did you mean min_face?",
        "devices.north-door.settings: broker.url: flashing takes it from [broker]; leave it out",
        "devices.a/b.profile: profile pi6: there is none of that name; did you mean pi5?",
        "devices.3.settings: cameras.yard.rate: input should be greater than 0, found 0",
    ]
    for line in expected:
        assert [one for one in found if one.startswith(line)], line
    assert len(found) == len(expected)


DOOR = f"{BROKER}[defaults]\nsite = 'hq'\nprofile = 'pi5'\n[[devices]]\nid = 'door'\n"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("[[devices]]\nid = 'door'", "devices.door.id: door is id of door already"),
        ("[[devices]]\nid = 'Door'", "devices.Door.id: door is id of door already"),
        ("[[devices]]\nid = 'x'\nhostname = 'Door'", "devices.x.hostname: door is hostname of"),
        (
            "host = 'pi@a'\n[[devices]]\nid = 'x'\nhost = 'root@A'",
            "devices.x.host: a is host of door already",
        ),
        (
            "[[devices]]\nid = 'viewer'",
            "devices.viewer.id: expected an id that is not viewer or home-assistant, which are",
        ),
        ("[[devices]]\nid = 'Home-Assistant'", "devices.Home-Assistant.id: expected an id that is"),
        ("site = 'a b'", "devices.door.site: string should match pattern"),
        ("hostname = 'a_b'", "devices.door.hostname: string should match pattern"),
        ("host = '-oProxyCommand=x'", "devices.door.host: expected [user@]host[:port]"),
        ("host = 'pi@a b'", "devices.door.host: expected [user@]host[:port]"),
        ("user = 'root'", "devices.door.user: expected a user of its own"),
        ("user = 'a:b'", "devices.door.user: string should match pattern"),
        ("timezone = '../etc'", "devices.door.timezone: expected a time zone"),
        ("ssh_keys = ['ssh-rsa AA']\nssh_key = 1", "unknown key devices.door.ssh_key; did you"),
        ("wifi = {ssid = 'x', country = 'DE'}", "devices.door.wifi.password_file: missing"),
        (
            "wifi = {ssid = 'x', password_file = 'p', country = 'Germany'}",
            "devices.door.wifi.country: string should match",
        ),
        (
            f"wifi = {{ssid = '{'ä' * 20}', password_file = 'p', country = 'DE'}}",
            "devices.door.wifi.ssid: expected at most 32 bytes",
        ),
        ("settings = {detector = 3}", "devices.door.settings: detector: input should be a valid"),
        ("settings = {broker = 3}", "devices.door.settings: broker: input should be a valid"),
        ("settings = 3", "devices.door.settings: input should be a valid dictionary"),
        ("[[devices]]\nid = 7", "devices.2.id: input should be a valid string"),
        (
            "source = 'demo'\n[devices.settings.cameras]\na = {}\nb = {}",
            "devices.door.settings: source: there are 2 cameras",
        ),
        (
            "[devices.settings.detector]\nkind = 'yunet'\nfile = 'x.onnx'",
            "devices.door.settings: detector.kind: nobody can sign a YuNet",
        ),
        (
            "[devices.settings.classifier]\nbundle = 3",
            "devices.door.settings: classifier.bundle: input is not a valid path",
        ),
    ],
)
def test_a_device_that_cannot_be_is_refused(tmp_path: Path, more: str, expected: str) -> None:
    found = faults(tmp_path, DOOR + more)
    assert [line for line in found if line.startswith(expected)], found
    assert len(found) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "broker: missing"),
        (BROKER, "devices: missing"),
        (f"devices = []\n{BROKER}", "devices: list should have at least 1 item"),
        (f"devices = 3\n{BROKER}", "devices: input should be a valid list"),
        (f"devices = [3]\n{BROKER}", "devices.1: input should be a valid dictionary"),
        (f"defaults = 3\n{DOOR.replace('[defaults]', '[x]')}", "defaults: expected a table"),
        (DOOR.replace("[defaults]", "[defaults]\nid = 'x'"), "defaults.id: each device has its"),
        (f"secrest = 'x'\n{DOOR}", "unknown key secrest; did you mean secrets?"),
        (DOOR.replace("[broker]", "[broker]\nport = 0"), "broker.port: input should be greater"),
    ],
)
def test_a_file_that_is_no_fleet_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    found = faults(tmp_path, text)
    assert [line for line in found if line.startswith(expected)], found


def test_a_key_that_is_no_public_one_is_refused_and_not_repeated(tmp_path: Path) -> None:
    for wrong in ("-----BEGIN OPENSSH PRIVATE KEY-----", f"{KEY}\\nssh-rsa BBBB", "hunter2"):
        [line] = faults(tmp_path, f'{DOOR}ssh_keys = ["{KEY}", "{wrong}"]')
        assert line.startswith("devices.door.ssh_keys.1: ")
        assert wrong not in line


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MaskGateError, match=r"fleet .*nowhere\.toml: cannot be read"):
        load_fleet(tmp_path / "nowhere.toml")
    [line] = faults(tmp_path, "[broker")
    assert line.startswith("not TOML")


def test_the_examples_of_the_documentation_are_right(tmp_path: Path) -> None:
    text = (Path(__file__).parent.parent / "docs" / "flashing.md").read_text(encoding="utf-8")
    inventory, profile = re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    north, yard, lab = fleet(tmp_path, inventory).devices
    assert (north.host, yard.host, lab.site) == (None, "ops@10.0.0.21", "annex")
    (tmp_path / "lobby.toml").write_text(profile, encoding="utf-8")
    assert load_profile(tmp_path / "lobby.toml").settings["cameras"]["entrance"]["rate"] == 5
