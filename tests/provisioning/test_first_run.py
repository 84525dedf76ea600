"""The scripts of the first boot do what they should, wherever they are cut off."""

import subprocess
import tarfile
from pathlib import Path

import pytest

from firmware_config.image.boot_files import with_words
from firmware_config.image.first_run import first_run_files
from tests.over_this_system import needs_overlay, run_over_this_system
from tests.provisioning.networks import NETWORK
from tests.raspios import KEY, cmdline, device

ON_DEVICE = Path(__file__).parents[2] / "firmware_config/image/on_device"


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
