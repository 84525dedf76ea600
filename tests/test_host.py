"""Deployment over ssh, against a real sshd whose root folder is a folder."""

import fcntl
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import MaskGateError
from firmware_config import host, on_host
from firmware_config.host import ask_host, deploy, fit, remove
from firmware_config.host_facts import HostFacts
from firmware_config.payload import payload_id
from firmware_config.profile import load_profile
from firmware_config.ssh import COMMAND_VARIABLE
from tests.conftest import Silent, free_port, wait_until
from tests.installs import SYSTEMCTL, Machine, small_payload
from tests.payloads import PASSWORD, make_payload
from tests.sshd import SSHD, Relay, Sshd, make_key

pytestmark = [
    pytest.mark.skipif(SSHD is None, reason="openssh-server is not installed"),
    pytest.mark.skipif(shutil.which("ssh") is None, reason="openssh-client is not installed"),
]
SETTINGS_AND_SECRETS = ("etc/maskgate.toml", "etc/password")
MB = 1_000_000


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """A host that runs Debian trixie, as far as it says."""
    root = tmp_path / "device"
    for folder in ("opt", "var/lib/maskgate", "etc", "run"):
        (root / folder).mkdir(parents=True)
    (root / "etc/os-release").write_text('ID=debian\nVERSION_CODENAME="trixie"\n')
    (root / "var/lib/maskgate/outbox.db").write_text("alerts")
    made = Sshd(tmp_path / "sshd", root)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def relay(sshd: Sshd) -> Iterator[Callable[..., tuple[str, Relay]]]:
    """Puts a network between here and the host; gives the host as it is reached there."""
    made: list[Relay] = []

    def make(after: int, *, silent: bool = False) -> tuple[str, Relay]:
        made.append(Relay(sshd.port, after, silent=silent))
        return f"{sshd.user}@127.0.0.1:{made[-1].port}", made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    return make_payload(tmp_path / "payload")


def staging(sshd: Sshd) -> Path:
    return sshd.root / "var/lib/maskgate-install"


def installed(sshd: Sshd) -> str | None:
    current = sshd.root / "opt/maskgate/current"
    return current.readlink().name if current.is_symlink() else None


def sizes(payload: Path, *paths: str) -> int:
    return sum((payload / path).stat().st_size for path in paths)


def secrets_left(sshd: Sshd) -> list[Path]:
    """Files where payloads are taken in that hold the password."""
    files = [path for path in staging(sshd).rglob("*") if path.is_file()]
    return [path for path in files if PASSWORD.encode() in path.read_bytes()]


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


@pytest.fixture
def machine(sshd: Sshd, tmp_path: Path) -> Machine:
    """The host with a systemctl that install.py can be told to use."""
    made = Machine(tmp_path / "machine")
    made.folder.mkdir()
    (made.folder / "root").symlink_to(sshd.root)
    (made.folder / "systemctl").write_text(SYSTEMCTL)
    (made.folder / "systemctl").chmod(0o755)
    return made


def real_payload(machine: Machine, folder: Path, name: str) -> Path:
    """A payload with the real installer, which is told of the machine's systemctl."""
    made = small_payload(folder, name)
    (made / "install.py").rename(made / "real_install.py")
    options = machine.words(made, "install")[3:]
    (made / "install.py").write_text(
        "import os, pathlib, sys\n"
        "real = str(pathlib.Path(__file__).with_name('real_install.py'))\n"
        f"os.execv(sys.executable, [sys.executable, real, *sys.argv[1:], *{options}])\n"
    )
    files = json.loads((made / "payload.json").read_text())["files"]
    for file in ("install.py", "real_install.py"):
        files[file] = on_host.hash_of(made / file)
    say(made, files=files)
    return made


@pytest.mark.slow
def test_the_real_installer_installs_updates_goes_back_and_is_removed(
    sshd: Sshd, machine: Machine, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    first, second, bad = (real_payload(machine, tmp_path, name) for name in ("a", "b", "c"))
    assert deploy(sshd.host, first).ending == "done"
    facts = ask_host(sshd.host)
    assert facts.installed == payload_id(first)
    assert deploy(sshd.host, first).ending == "nothing to do"
    assert deploy(sshd.host, second).ending == "done"
    machine.never_healthy(bad)
    outcome = deploy(sshd.host, bad)
    assert outcome.ending == "rolled back"
    assert outcome.why.startswith("service: ")
    assert installed(sshd) == payload_id(second)
    assert "b.mp4" in (sshd.root / "etc/maskgate/maskgate.toml").read_text()
    said = capfd.readouterr().err
    assert f"{sshd.host}: roll back: done ({payload_id(second)} runs again)" in said
    assert remove(sshd.host).ending == "done"
    assert not (sshd.root / "opt/maskgate").exists()
    assert (sshd.root / "var/lib/maskgate/outbox.db").read_text() == "alerts"


def test_the_first_deployment_copies_everything_and_leaves_no_secret_behind(
    sshd: Sshd, payload: Path, capfd: pytest.CaptureFixture[str]
):
    outcome = deploy(sshd.host, payload)
    assert (outcome.ending, outcome.exit_code) == ("done", 0)
    assert (
        outcome.sent
        == outcome.of
        == sum(path.stat().st_size for path in payload.rglob("*") if path.is_file())
    )
    assert ask_host(sshd.host).installed == payload_id(payload)
    assert (sshd.root / "etc/maskgate/password").read_text() == PASSWORD
    assert stat.S_IMODE(staging(sshd).stat().st_mode) == 0o700
    assert {path.name for path in staging(sshd).iterdir()} == {"lock", payload_id(payload)}
    assert secrets_left(sshd) == []
    said = capfd.readouterr().err
    assert f"{sshd.host}: release: done ({payload_id(payload)})" in said
    assert PASSWORD not in said


def test_the_same_again_changes_nothing_and_sends_but_the_settings(sshd: Sshd, payload: Path):
    deploy(sshd.host, payload)
    outcome = deploy(sshd.host, payload)
    assert (outcome.ending, outcome.exit_code) == ("nothing to do", 0)
    assert outcome.sent == sizes(payload, *SETTINGS_AND_SECRETS)


def test_one_wheel_changed_sends_that_one_only(sshd: Sshd, payload: Path, tmp_path: Path):
    deploy(sshd.host, payload)
    new = make_payload(tmp_path / "new", last=1)
    outcome = deploy(sshd.host, new)
    assert outcome.ending == "done"
    changed = ("wheels/last-1-py3-none-any.whl", "payload.json", *SETTINGS_AND_SECRETS)
    assert outcome.sent == sizes(new, *changed)
    assert installed(sshd) == payload_id(new)
    assert not (staging(sshd) / payload_id(payload)).exists()


def test_no_command_line_shows_a_secret_and_the_folder_is_closed_meanwhile(
    sshd: Sshd, tmp_path: Path
):
    payload = make_payload(tmp_path / "payload", settings="slow")
    thread = threading.Thread(target=deploy, args=(sshd.host, payload))
    thread.start()
    part = staging(sshd) / f"{payload_id(payload)}.part"
    seen = ""
    while thread.is_alive():
        seen += "\n".join(command_lines())
        if (part / "etc/password").exists():
            assert stat.S_IMODE(part.stat().st_mode) == 0o700
            assert stat.S_IMODE((part / "etc/password").stat().st_mode) == 0o600
        time.sleep(0.02)
    assert "install.py install" in seen
    assert PASSWORD not in seen


@pytest.mark.parametrize("after", [20_000, 5 * MB], ids=["early", "in the middle"])
def test_a_copy_that_is_cut_off_installs_nothing_and_is_gone_on_with(
    sshd: Sshd, relay: Callable[..., tuple[str, Relay]], tmp_path: Path, after: int
):
    payload = make_payload(tmp_path / "payload", size=3 * MB)
    away, _ = relay(after)
    with pytest.raises(MaskGateError, match=r"the connection was lost \(.+\); run it again"):
        deploy(away, payload)
    assert installed(sshd) is None
    assert not (sshd.root / "etc/maskgate").exists()
    with (staging(sshd) / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Once whoever took it in has ended.
    part = staging(sshd) / f"{payload_id(payload)}.part"
    there = sum(path.stat().st_size for path in part.rglob("*") if path.is_file())
    outcome = deploy(sshd.host, payload)
    assert outcome.ending == "done"
    assert outcome.sent == outcome.of - there
    # ssh had sent up to 2 MiB more than had arrived.
    assert there > after - 2.5 * MB
    assert installed(sshd) == payload_id(payload)


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
    assert installed(sshd) == payload_id(payload)
    assert secrets_left(sshd) == []


def command_lines() -> list[str]:
    """What every user of this machine can see of every process."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # It has ended.
            lines.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return lines


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
    assert installed(sshd) is None
    wait_until(lambda: installed(sshd) == payload_id(payload))
    wait_until((staging(sshd) / payload_id(payload)).is_dir)
    assert secrets_left(sshd) == []
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


@pytest.fixture
def small_disk(sshd: Sshd) -> Iterator[Callable[[str], None]]:
    """Gives the host a /var of its own, with options of tmpfs."""
    var = sshd.root / "var"

    def mount(options: str) -> None:
        words = ["mount", "-t", "tmpfs", "-o", options, "maskgate-test", str(var)]
        if subprocess.run(words, capture_output=True, check=False).returncode != 0:
            pytest.skip("this user may not mount a small disk")

    yield mount
    subprocess.run(["umount", str(var)], capture_output=True, check=False)


def test_a_disk_without_room_is_refused_before_anything_is_copied(
    sshd: Sshd, small_disk: Callable[[str], None], tmp_path: Path
):
    small_disk("size=101m")
    payload = make_payload(tmp_path / "payload", size=3 * MB)
    with pytest.raises(
        MaskGateError, match=r"expected 109 MB free, found 10\d MB; free some space"
    ):
        deploy(sshd.host, payload)
    assert list(staging(sshd).rglob("*.whl")) == []


def test_a_disk_that_becomes_full_while_copying_is_left_as_it_was(
    sshd: Sshd, small_disk: Callable[[str], None], payload: Path
):
    small_disk("size=200m,nr_inodes=10")
    with pytest.raises(MaskGateError, match="the disk became full while copying; what was copied"):
        deploy(sshd.host, payload)
    assert [path.name for path in staging(sshd).iterdir()] == ["lock"]
    assert installed(sshd) is None


def test_files_that_are_damaged_there_are_copied_again(sshd: Sshd, tmp_path: Path):
    payload = make_payload(tmp_path / "payload", size=100_000)
    deploy(sshd.host, payload)
    wheels = staging(sshd) / payload_id(payload) / "wheels"
    one, two, last = (wheels / f"{name}-1-py3-none-any.whl" for name in ("one", "two", "last"))
    one.write_bytes(bytes(100_000))  # of the right size
    two.write_bytes(bytes(99_999))  # like a part of it
    last.unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("another's")
    last.symlink_to(elsewhere)
    outcome = deploy(sshd.host, payload)
    # The seeming part is found out after its last byte, and the whole file is sent.
    assert outcome.sent == 300_001 + sizes(payload, *SETTINGS_AND_SECRETS)
    assert elsewhere.read_text() == "another's"
    assert two.read_bytes() == (payload / "wheels" / two.name).read_bytes()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda folder: (folder / "wheels/one-1-py3-none-any.whl").write_bytes(b"x"),
         "one-1-py3-none-any.whl arrives with another hash than its payload says"),
        (lambda folder: (folder / "etc/password").unlink(), "etc/password is missing"),
        (lambda folder: (folder / "payload.json").write_text("{"), "it is not one, or not whole"),
        (lambda folder: (folder / "payload.json").unlink(), "No such file"),
        (lambda folder: say(folder, schema=2), "schema 2, expected 1"),
        (lambda folder: say(folder, files={"../secret": "0" * 64}), "../secret is not in it"),
        (lambda folder: say(folder, files={"/etc/passwd": "0" * 64}), "/etc/passwd is not in it"),
        (lambda folder: say(folder, machine="sparc64"), "made for Python .* on sparc64, found"),
        (lambda folder: say(folder, python="3.99"), "made for Python 3.99 on"),
    ],
)  # fmt: skip
def test_a_payload_that_is_damaged_or_for_others_is_refused(
    sshd: Sshd, payload: Path, damage: Callable[[Path], object], why: str
):
    damage(payload)
    with pytest.raises(MaskGateError, match=why):
        deploy(sshd.host, payload)
    assert installed(sshd) is None


def say(payload: Path, **changed: object) -> None:
    described = payload / "payload.json"
    described.write_text(json.dumps({**json.loads(described.read_text()), **changed}))


def test_a_release_that_is_not_healthy_is_reported_with_its_log(sshd: Sshd, tmp_path: Path):
    sshd.place("journalctl", 'echo "Traceback: $*"; echo "KeyError: door"')
    payload = make_payload(tmp_path / "payload", settings="unhealthy")
    outcome = deploy(sshd.host, payload)
    assert (outcome.ending, outcome.exit_code) == ("rolled back", 3)
    assert outcome.log[0].startswith("Traceback: -u maskgate --since=@")
    assert str(outcome).splitlines() == [
        f"{sshd.host}: rolled back, what ran before runs again: service: it ends again and again",
        "  its log:",
        *(f"    {line}" for line in outcome.log),
    ]
    assert secrets_left(sshd) == []


def test_a_long_step_shows_that_it_goes_on(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(host, "SIGN_EVERY", 0.3)
    deploy(sshd.host, make_payload(tmp_path / "payload", settings="slow"))
    assert f"{sshd.host}: at work for 0 s\n" in capfd.readouterr().err


def test_an_installation_that_is_impossible_says_why(
    sshd: Sshd, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    sshd.place("journalctl", "echo last words")
    payload = make_payload(tmp_path / "payload", settings="impossible")
    with pytest.raises(
        MaskGateError, match=r"cannot be done there \(packages: apt-get cannot fetch"
    ):
        deploy(sshd.host, payload)
    assert "    last words\n" in capfd.readouterr().err
    assert secrets_left(sshd) == []


def test_an_installer_that_breaks_off_is_told_by_its_last_line(sshd: Sshd, payload: Path):
    text = "raise SystemExit('no such thing')\n"
    (payload / "install.py").write_text(text)
    files = json.loads((payload / "payload.json").read_text())["files"]
    say(payload, files={**files, "install.py": on_host.hash_of(payload / "install.py")})
    with pytest.raises(MaskGateError, match=r"cannot be done there \(no such thing\)"):
        deploy(sshd.host, payload)


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
    assert not staging(sshd).exists()


FACTS = HostFacts(
    host="pi@door", machine="aarch64", bits=64, python="3.13", os="debian", codename="trixie",
    free_opt=8_000 * MB, free_var=8_000 * MB, one_disk=True, is_root=False, may_sudo=True,
    systemd=257, installed=None, service="inactive",
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


def test_a_removal_keeps_the_outbox_and_a_purge_does_not(sshd: Sshd, payload: Path):
    deploy(sshd.host, payload)
    outcome = remove(sshd.host)
    assert (outcome.ending, str(outcome)) == ("done", f"{sshd.host}: done")
    for gone in ("opt/maskgate", "etc/maskgate", "var/lib/maskgate-install"):
        assert not (sshd.root / gone).exists(), gone
    assert (sshd.root / "var/lib/maskgate/outbox.db").read_text() == "alerts"
    assert remove(sshd.host).ending == "nothing to do"
    assert remove(sshd.host, purge=True).ending == "done"
    assert not (sshd.root / "var/lib/maskgate").exists()
