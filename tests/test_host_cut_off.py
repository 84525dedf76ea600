"""Deployment over ssh that is cut off, killed, or meets another."""

import fcntl
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.errors import MaskGateError
from firmware_config import host
from firmware_config.host import deploy
from firmware_config.payload import payload_id
from firmware_config.ssh import COMMAND_VARIABLE
from tests.payloads import make_payload, secrets_under
from tests.sshd import Relay, Sshd, command_lines
from tests.waiting import wait_until

MB = 1_000_000


@pytest.mark.parametrize("after", [20_000, 5 * MB], ids=["early", "in the middle"])
def test_a_copy_that_is_cut_off_installs_nothing_and_is_gone_on_with(
    sshd: Sshd, relay: Callable[..., tuple[str, Relay]], tmp_path: Path, after: int
):
    payload = make_payload(tmp_path / "payload", size=3 * MB)
    away, _ = relay(after)
    with pytest.raises(MaskGateError, match=r"the connection was lost \(.+\); run it again"):
        deploy(away, payload)
    assert sshd.installed is None
    assert not (sshd.root / "etc/maskgate").exists()
    with (sshd.staging / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Once whoever took it in has ended.
    part = sshd.staging / f"{payload_id(payload)}.part"
    there = sum(path.stat().st_size for path in part.rglob("*") if path.is_file())
    outcome = deploy(sshd.host, payload)
    assert outcome.ending == "done"
    assert outcome.sent == outcome.of - there
    # ssh had sent up to 2 MiB more than had arrived.
    assert there > after - 2.5 * MB
    assert sshd.installed == payload_id(payload)


def test_a_network_that_falls_silent_is_noticed(
    sshd: Sshd,
    relay: Callable[..., tuple[str, Relay]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    payload = make_payload(tmp_path / "payload", size=3 * MB)
    there, _ = relay(5 * MB, silent=True)
    command = sshd.environment[COMMAND_VARIABLE]
    monkeypatch.setenv(
        COMMAND_VARIABLE, f"{command} -o ServerAliveInterval=1 -o ServerAliveCountMax=1"
    )
    began = time.monotonic()
    with pytest.raises(MaskGateError, match=r"connection was lost \(Timeout, server .* not respon"):
        deploy(there, payload)
    assert time.monotonic() - began < 10


def test_a_deployment_that_is_killed_leaves_no_connection_and_the_host_goes_on(
    sshd: Sshd, tmp_path: Path
):
    payload = make_payload(tmp_path / "payload", settings="slow")
    code = (
        "import sys, pathlib, firmware_config.host as h\n"
        "h.deploy(sys.argv[1], pathlib.Path(sys.argv[2]))"
    )
    words = [sys.executable, "-c", code, sshd.host, str(payload)]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    wait_until((sshd.root / "began").exists, 60)
    assert connections(sshd.port)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not connections(sshd.port), 30)
    assert sshd.installed == payload_id(payload)
    assert secrets_under(sshd.staging) == []


def connections(port: int) -> list[str]:
    """The ssh that talk to a port."""
    return [line for line in command_lines() if f"-p {port} " in line]


def test_an_installation_goes_on_when_the_connection_is_lost(
    sshd: Sshd, relay: Callable[..., tuple[str, Relay]], tmp_path: Path
):
    payload = make_payload(tmp_path / "payload", settings="slow")
    there, cable = relay(100 * MB)
    threading.Thread(target=cut_while_it_installs, args=(sshd, cable)).start()
    with pytest.raises(MaskGateError, match="the connection was lost"):
        deploy(there, payload)
    assert sshd.installed is None
    wait_until(lambda: sshd.installed == payload_id(payload))
    wait_until((sshd.staging / payload_id(payload)).is_dir)
    assert secrets_under(sshd.staging) == []
    assert deploy(sshd.host, payload).ending == "nothing to do"


def cut_while_it_installs(sshd: Sshd, cable: Relay) -> None:
    wait_until((sshd.root / "began").exists, 60)
    cable.close()


def test_two_deployments_at_once_wait_for_each_other(
    sshd: Sshd, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    payload = make_payload(tmp_path / "payload", settings="slow")
    endings = []
    threads = [
        threading.Thread(target=lambda: endings.append(deploy(sshd.host, payload).ending))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(endings) == ["done", "nothing to do"]
    assert "waiting for another installation" in capfd.readouterr().err


def test_a_long_step_shows_that_it_goes_on(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(host, "SIGN_EVERY", 0.3)
    deploy(sshd.host, make_payload(tmp_path / "payload", settings="slow"))
    assert f"{sshd.host}: at work for 0 s\n" in capfd.readouterr().err
