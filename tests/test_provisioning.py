"""What a device finds at its first boot is valid, and nothing breaks out of it."""

import configparser
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from edge.errors import MaskGateError
from firmware_config.image.boot_files import with_lines, with_words
from firmware_config.image.cloud_init import cloud_init_files
from firmware_config.image.first_run import first_run_files
from firmware_config.image.wifi import Network, connection, network_of
from firmware_config.inventory import Device, Wifi
from tests.first_boot import found
from tests.over_this_system import needs_overlay, run_over_this_system
from tests.raspios import CONFIG, KEY, cmdline, device

ON_DEVICE = Path(__file__).parents[1] / "firmware_config/image/on_device"
NETWORK = Network("entrance", "ab" * 32, "DE")
HOSTILE_NAMES = [
    'x" #',
    "'; touch /tmp/broken; '",
    "$(touch /tmp/broken)",
    "`id`",
    "a;b;\\",
    "<<",
    "null",
    "*anchor",
    "Caf\u00e9 \u2028 \U0001f600",
    "{a: b}",
    "1;2;3",
    "next \x85 line",
    "[x]\\n=%s",
]


def wifi(ssid: str, password_file: Path) -> Wifi:
    return Wifi(ssid=ssid, password_file=password_file, country="DE")


def user_data(door: Device) -> dict[str, Any]:
    text = cloud_init_files(door, None)["user-data"].decode()
    assert text.startswith("#cloud-config\n")
    return yaml.safe_load(text)  # type: ignore[no-any-return]


def network_config(network: Network) -> dict[str, Any]:
    text = cloud_init_files(device(), network)["network-config"]
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


@pytest.mark.parametrize("script", ["set-up.sh", "first-run.sh"])
def test_the_scripts_are_sound(script: str) -> None:
    shell = "bash" if script == "set-up.sh" else "sh"
    subprocess.run([shell, "-n", ON_DEVICE / script], check=True)
    try:
        subprocess.run(["shellcheck", ON_DEVICE / script], check=True)
    except FileNotFoundError:
        pytest.skip("shellcheck is not installed")


def put(boot: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (boot / name).parent.mkdir(parents=True, exist_ok=True)
        (boot / name).write_bytes(content)


def put_installer(boot: Path, installer: str) -> None:
    """The scripts, and a payload whose installer is a few lines."""
    files = {name: (ON_DEVICE / name).read_bytes() for name in
             ("set-up.sh", "maskgate-install.service")}  # fmt: skip
    put(boot, {f"maskgate/{name}": content for name, content in files.items()})
    (boot / "install.py").write_text(installer)
    with tarfile.open(boot / "maskgate/payload.tar", "w") as tar:
        tar.add(boot / "install.py", "install.py")
    (boot / "install.py").unlink()


LOOK = """
cat /etc/hostname; grep 127.0.1.1 /etc/hosts; id -nG guard; getent shadow guard | cut -d: -f2
cat /home/guard/.ssh/authorized_keys; stat -c '%a %U' /home/guard/.ssh/authorized_keys
stat -c '%a %U' /etc/NetworkManager/system-connections/maskgate.nmconnection
readlink /etc/localtime; cat /etc/timezone
systemctl is-enabled maskgate-install.service ssh
cat /etc/sudoers.d/011_maskgate-admin
"""


@needs_overlay
def test_bookworms_script_does_what_it_should_and_goes(tmp_path: Path) -> None:
    """On a copy of this machine's Debian, with its own useradd, sshd and systemctl."""
    door = device(user="guard", ssh_keys=[KEY, "ssh-ed25519 AAAA $(touch /broken)"])
    line = with_words(cmdline("bookworm"), country="DE", first_run=True)
    put(tmp_path, first_run_files(door, NETWORK))
    put(tmp_path, {"cmdline.txt": line.encode()})
    put_installer(tmp_path, "")
    ready = "mkdir -p /etc/NetworkManager/system-connections /etc/ssh/sshd_config.d /etc/sudoers.d"
    # Twice, as after a power cut before its end.
    twice = "cp /boot/firmware/firstrun.sh /; touch /boot/firmware/firstrun.sh"
    run = "sh /boot/firmware/firstrun.sh"
    done = run_over_this_system(tmp_path, f"{ready}; {twice}; {run}; {LOOK}; ls /broken")
    log = (tmp_path / "firstrun.log").read_text()
    assert done.stdout.splitlines() == [
        "north-door",
        "127.0.1.1\tnorth-door",
        *done.stdout.splitlines()[2:3],
        "*",
        *door.ssh_keys,
        "600 guard",
        "600 root",
        "/usr/share/zoneinfo/Europe/Berlin",
        "Europe/Berlin",
        "enabled",
        "enabled",
        "guard ALL=(ALL) NOPASSWD:ALL",
    ], log
    assert {"sudo", "video"} <= set(done.stdout.splitlines()[2].split())
    assert not (tmp_path / "firstrun.sh").exists()
    assert sorted(file.name for file in (tmp_path / "maskgate").iterdir()) == [
        "maskgate-install.service",
        "payload.tar",
        "set-up.sh",
    ]
    assert (tmp_path / "cmdline.txt").read_text() == (
        cmdline("bookworm").strip() + " cfg80211.ieee80211_regdom=DE\n"
    )
    assert NETWORK.key not in log


@needs_overlay
@pytest.mark.slow
def test_bookworms_script_can_be_cut_off_anywhere(tmp_path: Path) -> None:
    """Cut off after any of its lines and run again, it comes to the same end."""
    door = device(user="guard")
    made = first_run_files(door, NETWORK)
    lines = made["firstrun.sh"].decode().splitlines(keepends=True)
    ready = "mkdir -p /etc/NetworkManager/system-connections /etc/ssh/sshd_config.d /etc/sudoers.d"
    whole = subprocess.run(["sh", "-n"], input="".join(lines).encode(), check=False).returncode
    assert whole == 0
    for end in range(12, len(lines), 12):
        start = "".join(lines[:end])
        if subprocess.run(["sh", "-n"], input=start.encode(), check=False,
                          capture_output=True).returncode:  # fmt: skip
            continue
        boot = tmp_path / str(end)
        put(boot, {**made, "start.sh": start.encode()})
        put(boot, {"cmdline.txt": with_words("a b", country=None, first_run=True).encode()})
        put_installer(boot, "")
        run = "sh /boot/firmware/start.sh; sh /boot/firmware/firstrun.sh"
        done = run_over_this_system(boot, f"{ready}; {run}; {LOOK}")
        last = ["enabled", "enabled", "guard ALL=(ALL) NOPASSWD:ALL"]
        assert done.stdout.splitlines()[-3:] == last, (end, (boot / "firstrun.log").read_text())
        assert done.stdout.count("127.0.1.1") == 1
        assert (boot / "cmdline.txt").read_text() == "a b\n"


@needs_overlay
def test_a_pis_own_way_to_name_its_user_is_taken(tmp_path: Path) -> None:
    put(tmp_path, first_run_files(device(user="guard"), None))
    put(tmp_path, {"cmdline.txt": b"a\n"})
    put_installer(tmp_path, "")
    pi = """mkdir -p /usr/lib/userconf-pi /var/lib/userconf-pi; touch /var/lib/userconf-pi/autologin
    printf '#!/bin/sh\\nprintf "%%s|" "$@" > /asked\\n' > /usr/lib/userconf-pi/userconf
    chmod 755 /usr/lib/userconf-pi/userconf; sh /boot/firmware/firstrun.sh
    cat /asked; ls /var/lib/userconf-pi"""
    assert run_over_this_system(tmp_path, pi).stdout == "guard|*|"


@needs_overlay
def test_a_hardened_sshd_takes_keys_only(tmp_path: Path) -> None:
    put(tmp_path, first_run_files(device(user="guard"), None))
    put(tmp_path, {"cmdline.txt": b"a\n"})
    put_installer(tmp_path, "")
    ask = """command -v sshd >/dev/null || { echo none; exit; }
    mkdir -p /run/sshd; sh /boot/firmware/firstrun.sh; ssh-keygen -A >/dev/null
    sshd -T | grep -E '^(passwordauthentication|kbdinteractiveauthentication|permitrootlogin) '"""
    said = run_over_this_system(tmp_path, ask).stdout
    if said == "none\n":
        pytest.skip("sshd is not installed")
    assert sorted(said.splitlines()) == [
        "kbdinteractiveauthentication no",
        "passwordauthentication no",
        "permitrootlogin no",
    ]


ENABLED = "systemctl is-enabled ssh"
UNIT = "ls /etc/systemd/system | grep maskgate-install; systemctl is-enabled maskgate-install ssh"


@needs_overlay
def test_the_payload_is_installed_and_then_nothing_of_it_is_left(tmp_path: Path) -> None:
    put_installer(tmp_path, "import os, sys\nprint(os.getcwd(), sys.argv[1:], oct(os.umask(0)))")
    put(tmp_path, {"cmdline.txt": b"a\n", "network-config": b"secret", "user-data": b"kept"})
    put(tmp_path, {"network-config.before": b"# stock\n"})
    script = "bash /boot/firmware/maskgate/set-up.sh"
    done = run_over_this_system(
        tmp_path,
        f"{script} prepare; {UNIT}; {script} install; echo $?; {UNIT}; ls /var/lib; {ENABLED}",
    )
    said = done.stdout.splitlines()
    assert said[:5] == [
        "maskgate-install.service",
        "enabled",
        "enabled",
        "/var/lib/maskgate-install ['install'] 0o77",
        "0",
    ], done.stderr
    assert said[5:].count("enabled") == 1
    assert "maskgate-install" not in " ".join(said[5:])
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        "cmdline.txt": b"a\n",
        "network-config": b"# stock\n",
        "user-data": b"kept",
    }


@needs_overlay
@pytest.mark.parametrize(
    "installer", ["import sys; print('no'); sys.exit(3)", "this is no Python"], ids=["back", "bad"]
)
def test_what_was_not_installed_stays_for_the_next_try(installer: str, tmp_path: Path) -> None:
    put_installer(tmp_path, installer)
    put(tmp_path, {"cmdline.txt": b"a\n", "network-config.before": b"", "network-config": b"wifi"})
    script = "bash /boot/firmware/maskgate/set-up.sh"
    done = run_over_this_system(
        tmp_path, f"{script} prepare; {script} install && echo installed; {UNIT}"
    )
    assert done.stdout.splitlines()[-3:] == ["maskgate-install.service", "enabled", "enabled"]
    assert "installed" not in done.stdout.splitlines()
    assert (tmp_path / "maskgate/payload.tar").exists()
    assert (tmp_path / "maskgate/install.log").read_text()
    assert (tmp_path / "network-config").read_text() == "wifi"


@needs_overlay
def test_tidying_up_that_was_cut_off_is_done_at_the_next_boot(tmp_path: Path) -> None:
    put_installer(tmp_path, "")
    put(tmp_path, {"cmdline.txt": b"a\n", "network-config.before": b"", "network-config": b"wifi"})
    (tmp_path / "maskgate/payload.tar").unlink()
    script = "bash /boot/firmware/maskgate/set-up.sh"
    run_over_this_system(tmp_path, f"{script} prepare; {script} install")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["cmdline.txt", "network-config"]
    assert (tmp_path / "network-config").read_bytes() == b""


@needs_overlay
@pytest.mark.parametrize(("line", "state"), [("a cfg80211.ieee80211_regdom=DE\n", "0"), ("a", "1")])
def test_the_radio_is_switched_on_where_there_is_a_country(
    line: str, state: str, tmp_path: Path
) -> None:
    put_installer(tmp_path, "")
    put(tmp_path, {"cmdline.txt": line.encode()})
    file = "/var/lib/systemd/rfkill/platform-fe300000.mmcnr:wlan"
    script = "bash /boot/firmware/maskgate/set-up.sh prepare later"
    done = run_over_this_system(
        tmp_path, f"mkdir -p ${{file%/*}} $(dirname {file}); echo 1 > {file}; {script}; cat {file}"
    )
    assert done.stdout == f"{state}\n", done.stderr


def test_systemd_takes_the_unit() -> None:
    try:
        done = subprocess.run(
            ["systemd-analyze", "verify", ON_DEVICE / "maskgate-install.service"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("systemd-analyze is not installed")
    assert "maskgate-install" not in done.stderr, done.stderr
