"""Deployment over ssh, against a real sshd whose root folder is a folder."""

import json
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.errors import MaskGateError
from firmware_config import on_host
from firmware_config.host import ask_host, deploy, remove
from firmware_config.payload import payload_id
from tests.installs import SYSTEMCTL, Machine, small_payload
from tests.payloads import PASSWORD, make_payload, say, secrets_under
from tests.sshd import Sshd, command_lines

MB = 1_000_000
SETTINGS_AND_SECRETS = ("etc/maskgate.toml", "etc/password")


def sizes(payload: Path, *paths: str) -> int:
    return sum((payload / path).stat().st_size for path in paths)


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
    assert sshd.installed == payload_id(second)
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
    assert stat.S_IMODE(sshd.staging.stat().st_mode) == 0o700
    assert {path.name for path in sshd.staging.iterdir()} == {"lock", payload_id(payload)}
    assert secrets_under(sshd.staging) == []
    said = capfd.readouterr().err
    assert f"{sshd.host}: release: done ({payload_id(payload)})" in said
    assert PASSWORD not in said


def test_on_a_read_only_system_all_of_it_runs_by_what_may_write(sshd: Sshd, payload: Path):
    write = sshd.root / "run/maskgate-read-only/maskgate-write"
    write.parent.mkdir(parents=True)
    write.write_text(f'echo "$1" >>{sshd.folder}/written_by; exec "$@"\n')
    assert not ask_host(sshd.host).read_only
    (write.parent / "on").touch()
    assert ask_host(sshd.host).read_only
    assert deploy(sshd.host, payload).ending == "done"
    assert remove(sshd.host).ending == "done"
    assert (sshd.folder / "written_by").read_text() == "python3\n" * 2


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
    assert sshd.installed == payload_id(new)
    assert not (sshd.staging / payload_id(payload)).exists()


def test_no_command_line_shows_a_secret_and_the_folder_is_closed_meanwhile(
    sshd: Sshd, tmp_path: Path
):
    payload = make_payload(tmp_path / "payload", settings="slow")
    thread = threading.Thread(target=deploy, args=(sshd.host, payload))
    thread.start()
    part = sshd.staging / f"{payload_id(payload)}.part"
    seen = ""
    while thread.is_alive():
        seen += "\n".join(command_lines())
        if (part / "etc/password").exists():
            assert stat.S_IMODE(part.stat().st_mode) == 0o700
            assert stat.S_IMODE((part / "etc/password").stat().st_mode) == 0o600
        time.sleep(0.02)
    assert "install.py install" in seen
    assert PASSWORD not in seen


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
    assert list(sshd.staging.rglob("*.whl")) == []


def test_a_disk_that_becomes_full_while_copying_is_left_as_it_was(
    sshd: Sshd, small_disk: Callable[[str], None], payload: Path
):
    small_disk("size=200m,nr_inodes=10")
    with pytest.raises(MaskGateError, match="the disk became full while copying; what was copied"):
        deploy(sshd.host, payload)
    assert [path.name for path in sshd.staging.iterdir()] == ["lock"]
    assert sshd.installed is None


def test_files_that_are_damaged_there_are_copied_again(sshd: Sshd, tmp_path: Path):
    payload = make_payload(tmp_path / "payload", size=100_000)
    deploy(sshd.host, payload)
    wheels = sshd.staging / payload_id(payload) / "wheels"
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
    assert sshd.installed is None


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
    assert secrets_under(sshd.staging) == []


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
    assert secrets_under(sshd.staging) == []


def test_an_installer_that_breaks_off_is_told_by_its_last_line(sshd: Sshd, payload: Path):
    text = "raise SystemExit('no such thing')\n"
    (payload / "install.py").write_text(text)
    files = json.loads((payload / "payload.json").read_text())["files"]
    say(payload, files={**files, "install.py": on_host.hash_of(payload / "install.py")})
    with pytest.raises(MaskGateError, match=r"cannot be done there \(no such thing\)"):
        deploy(sshd.host, payload)


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
