"""What a host says of itself, and hosts that are away, closed, or do not fit."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import MaskGateError
from firmware_config.host import ask_host, deploy, fit, remove
from firmware_config.host_facts import HostFacts
from firmware_config.profile import load_profile
from firmware_config.ssh import COMMAND_VARIABLE
from tests.brokers import Silent
from tests.sshd import Sshd, make_key
from tests.waiting import free_port

MB = 1_000_000


def test_a_host_says_what_it_is(sshd: Sshd):
    facts = ask_host(sshd.host)
    assert facts.machine == os.uname().machine
    assert facts.python == "{}.{}".format(*sys.version_info)
    assert (facts.os, facts.codename, facts.systemd) == ("debian", "trixie", 257)
    assert (facts.bits, facts.one_disk, facts.service) == (64, True, "active")
    assert facts.installed is None
    free = shutil.disk_usage(sshd.root).free
    assert [facts.free_opt, facts.free_var] == pytest.approx([free, free], rel=0.2)
    assert facts.is_root == (os.getuid() == 0)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("pi@no-such-host.invalid", "no such name in this network"),
        ("-oProxyCommand=true", r"expected \[user@\]host\[:port\]"),
        ("pi@", r"expected \[user@\]host\[:port\]"),
        ("pi@host;true", r"expected \[user@\]host\[:port\]"),
    ],
)
def test_a_host_that_is_not_there_is_named(sshd: Sshd, payload: Path, name: str, why: str):
    del sshd
    for action in (lambda: ask_host(name), lambda: deploy(name, payload), lambda: remove(name)):
        with pytest.raises(MaskGateError, match=f"^host .*{why}"):
            action()


def test_a_host_that_does_not_listen_is_told_from_one_that_is_silent(
    sshd: Sshd, silent: Callable[[bytes], Silent], monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(MaskGateError, match="nothing listens for ssh; enable ssh"):
        ask_host(f"{sshd.user}@127.0.0.1:{free_port()}")
    command = sshd.environment[COMMAND_VARIABLE]
    monkeypatch.setenv(COMMAND_VARIABLE, f"{command} -o ConnectTimeout=1")
    port = silent(b"").settings.url
    assert port
    with pytest.raises(MaskGateError, match=r"cannot be reached \(Connection .*timed out"):
        ask_host(f"{sshd.user}@127.0.0.1:{port.rpartition(':')[2]}")


def test_a_key_that_is_not_taken_is_told(sshd: Sshd):
    make_key(sshd.folder / "user_key")
    with pytest.raises(MaskGateError, match="it takes none of your keys; put one there"):
        ask_host(sshd.host)


def test_a_host_is_remembered_and_another_in_its_place_is_refused(
    sshd: Sshd, capfd: pytest.CaptureFixture[str]
):
    ask_host(sshd.host)
    assert capfd.readouterr().err == f"{sshd.host}: its key was not known, and is remembered now\n"
    ask_host(sshd.host)
    assert capfd.readouterr().err == ""
    known = (sshd.folder / "known_hosts").read_text()
    assert f"[127.0.0.1]:{sshd.port} " in known
    sshd.stop()
    make_key(sshd.folder / "host_key")
    sshd.start()
    with pytest.raises(MaskGateError) as refused:
        ask_host(sshd.host)
    assert f"ssh-keygen -R '[127.0.0.1]:{sshd.port}'" in str(refused.value)
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(sshd.folder / "host_key.pub")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"found another ({shown.stdout.split()[1]})" in str(refused.value)
    assert (sshd.folder / "known_hosts").read_text() == known


def test_who_accepts_no_unknown_host_can_say_so(sshd: Sshd, monkeypatch: pytest.MonkeyPatch):
    command = sshd.environment[COMMAND_VARIABLE]
    monkeypatch.setenv(COMMAND_VARIABLE, f"{command} -o StrictHostKeyChecking=yes")
    with pytest.raises(MaskGateError, match="host key is not known"):
        ask_host(sshd.host)


def test_a_machine_without_ssh_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(COMMAND_VARIABLE, "/no/such/ssh")
    with pytest.raises(MaskGateError, match="install openssh-client"):
        ask_host("pi@north-door.local")


@pytest.mark.parametrize(
    ("python", "found"),
    [("echo 3.9", "3.9 .debian trixie."), ("echo 3.14", "3.14"), ("exit 127", "none")],
)
def test_a_python_that_is_not_supported_is_refused_before_anything_is_copied(
    sshd: Sshd, payload: Path, python: str, found: str
):
    sshd.place("python3", python)
    expected = f"expected Python 3.10 to 3.13 as python3, found {found}"
    with pytest.raises(MaskGateError, match=expected):
        fit(load_profile("generic"), ask_host(sshd.host))
    with pytest.raises(MaskGateError, match=expected):
        deploy(sshd.host, payload)
    assert not sshd.staging.exists()


FACTS = HostFacts(
    host="pi@door", machine="aarch64", bits=64, python="3.13", os="debian", codename="trixie",
    free_opt=8_000 * MB, free_var=8_000 * MB, one_disk=True, is_root=False, may_sudo=True,
    systemd=257, installed=None, read_only=False, service="inactive",
)  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "changed", "why"),
    [
        ("pi5", {}, None),
        ("pi5", {"python": "3.11", "is_root": True, "may_sudo": False}, None),
        ("generic", {"machine": "x86_64"}, None),
        ("jetson-orin", {"python": "3.10"}, None),
        ("generic", {"machine": "armv7l", "bits": 32}, "64-bit system .* found 32 bits on armv7l"),
        ("pi4", {"bits": 32}, "found 32 bits on aarch64"),
        ("generic", {"machine": "riscv64"}, "found 64 bits on riscv64"),
        ("pi4", {"machine": "x86_64"}, "expected aarch64, as profile pi4 says, found x86_64"),
        ("pi5", {"python": "3.12"}, "host pi@door: profile pi5: expected .*found Python 3.12"),
        ("generic", {"python": "3.9"}, "expected Python 3.10 to 3.13"),
        ("generic", {"python": None}, "found none"),
        ("generic", {"may_sudo": False}, "expected root, or sudo without a password"),
        ("generic", {"systemd": None}, "expected a system with systemd"),
        ("generic", {"free_opt": 700 * MB, "free_var": 700 * MB},
         "expected 750 MB free on the disk of /opt and /var, found 700 MB"),
        ("generic", {"one_disk": False, "free_opt": 700 * MB, "free_var": 100 * MB},
         "expected 250 MB free on /var, found 100 MB"),
        ("generic", {"one_disk": False, "free_opt": 700 * MB, "free_var": 300 * MB}, None),
        # An update may turn out to need nothing: it is looked at closer, with the payload.
        ("generic", {"free_opt": 1 * MB, "installed": "3f9ac1270b5e"}, None),
    ],
)  # fmt: skip
def test_a_host_fits_a_profile_or_is_told_why_not(
    profile: str, changed: dict[str, object], why: str | None
):
    facts = replace(FACTS, **changed)
    if why is None:
        assert fit(load_profile(profile), facts).python == facts.python
    else:
        with pytest.raises(MaskGateError, match=why):
            fit(load_profile(profile), facts)


def test_sudo_that_asks_for_a_password_is_told(sshd: Sshd, payload: Path):
    sshd.place("id", "echo 1000")
    sshd.place("sudo", "echo 'sudo: a password is required' >&2; exit 1")
    with pytest.raises(MaskGateError, match="expected root, or sudo without a password"):
        deploy(sshd.host, payload)


def test_a_user_who_may_become_root_does_so_for_the_installation(sshd: Sshd, payload: Path):
    used = sshd.folder / "sudo.log"
    sshd.place("id", "echo 1000")
    sshd.place("sudo", f'echo "$*" >> {used}\nshift\nexec "$@"')
    facts = ask_host(sshd.host)
    assert (facts.is_root, facts.may_sudo) == (False, True)
    assert deploy(sshd.host, payload).ending == "done"
    asked, done = used.read_text().splitlines()[-2:]
    assert asked == "-n true"
    assert done.startswith("-n python3 -c import sys; exec(")
