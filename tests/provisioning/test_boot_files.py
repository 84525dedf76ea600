"""What a device finds at its first boot is valid, and nothing breaks out of it."""

import json
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from firmware_config.image.boot_files import with_lines, with_words
from firmware_config.image.cloud_init import cloud_init_files
from firmware_config.image.first_run import first_run_files
from firmware_config.image.wifi import Network
from firmware_config.inventory import Device
from tests.first_boot import found
from tests.provisioning.networks import NETWORK
from tests.raspios import CONFIG, KEY, cmdline, device


def user_data(door: Device) -> dict[str, Any]:
    text = cloud_init_files(door, None)["user-data"].decode()
    assert text.startswith("#cloud-config\n")
    return yaml.safe_load(text)  # type: ignore[no-any-return]


def test_the_user_has_keys_and_no_password() -> None:
    data = user_data(device(ssh_keys=[KEY, "sk-ssh-ed25519@openssh.com AAAA bob's"]))
    assert data["users"] == [
        {
            "name": "maskgate-admin",
            "gecos": "MaskGate administrator",
            "groups": ["adm", "dialout", "netdev", "plugdev", "render", "sudo", "users", "video"],
            "shell": "/bin/bash",
            "lock_passwd": True,
            "sudo": "ALL=(ALL) NOPASSWD:ALL",
            "ssh_authorized_keys": [KEY, "sk-ssh-ed25519@openssh.com AAAA bob's"],
        }
    ]
    assert (data["ssh_pwauth"], data["disable_root"]) == (False, True)
    assert (data["hostname"], data["timezone"]) == ("north-door", "Europe/Berlin")
    assert data["ntp"]["enabled"] is True


def test_cloud_inits_own_schema_takes_the_user_data() -> None:
    file = found("usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config*.json")
    if not file:
        pytest.skip("cloud-init's schema was not fetched; make test does that")
    schema = json.loads(file.read_text())
    jsonschema.Draft4Validator(schema).validate(user_data(device()))
    jsonschema.Draft4Validator(schema).validate(user_data(device(ssh_keys=[], timezone=None)))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(schema).validate({**user_data(device()), "ntp": "yes"})


@pytest.mark.parametrize(
    "changed",
    [
        *({"hostname": name} for name in ("a b", "-a", "a\nb", "a\n", "$(id)", "a'b", "x" * 64)),
        *({"user": name} for name in ("root", "maskgate", "a b", "1a", "a:b", "a\n", "$(id)")),
        *({"timezone": name} for name in ("../../etc/passwd", "a b", "/etc", "x\ny", "'")),
        *({"ssh_keys": [key]} for key in ("", "ssh-rsa A\nssh-rsa B", "ssh-rsa A\rB", "a\u2028b")),
        {"wifi": {"ssid": "a\nb", "password_file": "x", "country": "DE"}},
        {"wifi": {"ssid": "a", "password_file": "x", "country": "DE\n"}},
    ],
)
def test_no_device_has_a_name_that_breaks_out_of_a_script(changed: dict[str, Any]) -> None:
    """What is put into scripts and files as it is rests on the inventory's own checks."""
    with pytest.raises(ValidationError):
        device(**changed)


@pytest.mark.parametrize("comment", ["$(touch /tmp/broken)", "`id` ' \" \\ #", "*x: {y}", "'EOF'"])
def test_a_hostile_comment_in_a_key_stays_one(comment: str) -> None:
    door = device(ssh_keys=[f"ssh-ed25519 AAAA {comment}"])
    assert user_data(door)["users"][0]["ssh_authorized_keys"] == door.ssh_keys
    made = first_run_files(door, None)
    assert made["maskgate/authorized_keys"].decode() == f"{door.ssh_keys[0]}\n"
    assert comment.encode() not in made["firstrun.sh"]


def test_other_values_are_another_instance_to_cloud_init() -> None:
    def instance(door: Device, network: Network | None = None) -> Any:
        return yaml.safe_load(cloud_init_files(door, network)["meta-data"])

    assert instance(device()) == instance(device())
    assert instance(device())["dsmode"] == "local"
    assert instance(device()) != instance(device(id="south-door"))
    assert instance(device()) != instance(device(), NETWORK)


@pytest.mark.parametrize("given", [CONFIG, CONFIG.replace("\n", "\r\n"), "", "[pi4]\nx=1"])
def test_config_txt_gets_its_lines_once(given: str) -> None:
    lines = ("camera_auto_detect=1", "dtparam=watchdog=on")
    once = with_lines(given, lines)
    assert with_lines(once, lines) == once
    assert once.startswith("\n".join(given.splitlines()))
    # They hold for all boards, whatever section was the last.
    assert once.endswith("[all]\ncamera_auto_detect=1\ndtparam=watchdog=on\n# MaskGate: end\n")
    assert with_lines(once, ()).split() == given.split()
    assert once.count("dtparam=watchdog=on") == 1


def test_cmdline_txt_stays_one_line() -> None:
    given = cmdline("bookworm").rstrip() + "  cfg80211.ieee80211_regdom=GB\n\n"
    once = with_words(given, country="DE", first_run=True)
    assert with_words(once, country="DE", first_run=True) == once
    assert once.count("\n") == 1
    assert once.split() == [
        *cmdline("bookworm").split(),
        "cfg80211.ieee80211_regdom=DE",
        "systemd.run=/boot/firmware/firstrun.sh",
        "systemd.run_success_action=reboot",
        "systemd.unit=kernel-command-line.target",
    ]
    # Raspberry Pi OS itself looks for this word.
    assert once.count("firstboot") == cmdline("bookworm").count("firstboot")
