"""The installer on the device: what it changes, and what is there after whatever goes wrong."""

import ast
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from firmware_config.payload import payload_id
from tests.installs import Machine, copy_root, credentials, small_payload, tree

pytestmark = pytest.mark.skipif(
    os.uname().machine != "x86_64", reason="its payloads are for x86-64"
)
INSTALLER = Path(__file__).parent.parent / "firmware_config" / "installer"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the payloads a, b and c, and the machine on which a is installed."""
    folder = tmp_path_factory.mktemp("payloads")
    secrets = credentials(folder)
    for name in "abc":
        small_payload(folder, name, watchdog=name == "b", secrets=secrets)
    machine = Machine(folder / "with-a").prepare()
    done = machine.run(folder / "a", "install")
    assert done.returncode == 0, done.stdout + done.stderr
    (machine.root / "var/lib/maskgate/outbox.sqlite").write_text("alerts")
    return folder


@pytest.fixture
def machine(made: Path) -> Machine:
    """The machine with a, at the place where its environments were made."""
    there, kept = made / "with-a", made / "kept"
    if not kept.exists():
        copy_root(there, kept)
    copy_root(kept, there)
    return Machine(there)


def steps(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {line["step"]: line for line in map(json.loads, done.stdout.splitlines())}


def current(machine: Machine) -> str:
    return (machine.root / "opt/maskgate/current").readlink().name


def source(machine: Machine) -> str:
    settings = (machine.root / "etc/maskgate/maskgate.toml").read_text()
    return settings.partition('source = "')[2].partition('"')[0]


def note(machine: Machine) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        (machine.root / "var/lib/maskgate/installed.json").read_bytes()
    )
    return content


def test_the_installer_needs_nothing_but_python_s_standard_library() -> None:
    for file in INSTALLER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                assert {name.name for name in node.names} <= sys.stdlib_module_names
            elif isinstance(node, ast.ImportFrom) and not node.level:
                assert node.module
                assert node.module.split(".")[0] in sys.stdlib_module_names


def test_a_first_installation_has_all_in_its_place(made: Path, machine: Machine) -> None:
    root, name = machine.root, payload_id(made / "a")
    assert current(machine) == name
    program = root / "opt/maskgate/bin/maskgate"
    assert subprocess.check_output([program]).decode() == "0.1.0\n"
    assert (root / "opt/maskgate/current/bundles/detector/manifest.sig").is_file()
    assert (root / "etc/systemd/system/maskgate.service").is_file()
    assert (root / "etc/maskgate").stat().st_mode & 0o777 == 0o750
    for file in ("password", "ca.pem", "maskgate.toml", "bundle.key.pub"):
        assert (root / "etc/maskgate" / file).stat().st_mode & 0o777 == 0o640
    said = note(machine)
    assert (said["payload"], said["outcome"], said["os"]) == (name, "installed", "Some Linux 1")
    assert machine.asked()[-2:] == [
        "enable maskgate.service",
        "restart --no-block maskgate.service",
    ]


def test_the_same_payload_again_changes_nothing_and_says_so(made: Path, machine: Machine) -> None:
    before, said = tree(machine.root), note(machine)
    machine.asked()
    done = machine.run(made / "a", "install")
    assert done.returncode == 0
    states = {step: line["state"] for step, line in steps(done).items()}
    assert states.pop("payload") == "done"
    assert set(states.values()) == {"skipped"}
    assert (tree(machine.root), note(machine), machine.asked()) == (before, said, [])


def test_another_payload_takes_its_place_and_the_one_before_is_kept(
    made: Path, machine: Machine
) -> None:
    (machine.root / "etc/maskgate/north-door.pem").write_text("the operator's own")
    for name, kept in (("b", "ab"), ("c", "bc")):
        done = machine.run(made / name, "install")
        assert done.returncode == 0, done.stdout
        assert current(machine) == payload_id(made / name)
        assert source(machine).endswith(f"{name}.mp4")
        releases = {path.name for path in (machine.root / "opt/maskgate/releases").iterdir()}
        assert releases == {payload_id(made / one) for one in kept}
        watchdog = machine.root / "etc/systemd/system.conf.d/90-maskgate.conf"
        assert watchdog.exists() == (name == "b")
        assert "daemon-reexec" in machine.asked()
    assert (machine.root / "etc/maskgate/north-door.pem").read_text() == "the operator's own"
    assert (machine.root / "var/lib/maskgate/outbox.sqlite").read_text() == "alerts"


def test_what_does_not_get_healthy_is_rolled_back_with_its_settings(
    made: Path, machine: Machine
) -> None:
    before = tree(machine.root)
    machine.never_healthy(made / "b")
    done = machine.run(made / "b", "install")
    assert done.returncode == 3, done.stdout
    assert "it ends again and again (activating, auto-restart" in steps(done)["service"]["why"]
    assert steps(done)["roll back"]["state"] == "done"
    assert tree(machine.root) == before
    said = note(machine)
    assert (said["payload"], said["outcome"]) == (payload_id(made / "b"), "rolled back")
    assert said["why"]
    assert machine.run(made / "a", "install").returncode == 0
    assert note(machine)["outcome"] == "installed"


def test_after_a_rollback_the_next_payload_can_be_rolled_back_as_well(
    made: Path, machine: Machine
) -> None:
    assert machine.run(made / "b", "install").returncode == 0
    machine.never_healthy(made / "c")
    for _ in range(2):
        assert machine.run(made / "c", "install").returncode == 3
        assert (current(machine), Path(source(machine)).stem) == (payload_id(made / "b"), "b")


def test_a_first_installation_that_is_not_healthy_stays_and_says_so(
    made: Path, tmp_path: Path
) -> None:
    machine = Machine(tmp_path / "new").prepare()
    machine.never_healthy(made / "a")
    done = machine.run(made / "a", "install")
    assert done.returncode == 2
    assert "nothing ran well here before" in steps(done)["roll back"]["why"]
    assert current(machine) == payload_id(made / "a")
    machine.never_healthy()
    assert machine.run(made / "a", "install").returncode == 0


def test_settings_changed_by_hand_are_the_payload_s_again(made: Path, machine: Machine) -> None:
    (machine.root / "etc/maskgate/maskgate.toml").write_text("# mine")
    machine.asked()
    done = machine.run(made / "a", "install")
    assert (done.returncode, steps(done)["configuration"]["state"]) == (0, "done")
    assert source(machine).endswith("a.mp4")
    assert "restart --no-block maskgate.service" in machine.asked()


def test_settings_that_somebody_wrote_before_come_back_with_a_rollback(
    made: Path, machine: Machine
) -> None:
    folder = machine.root / "etc/maskgate"
    for file in folder.iterdir():
        file.unlink()
    (folder / "maskgate.toml").write_text("# mine")
    machine.never_healthy(made / "b")
    assert machine.run(made / "b", "install").returncode == 3
    assert [path.name for path in folder.iterdir()] == ["maskgate.toml"]
    assert (folder / "maskgate.toml").read_text() == "# mine"


@pytest.mark.parametrize("purge", [False, True])
def test_removed_it_leaves_nothing_but_what_was_not_sent(
    made: Path,
    machine: Machine,
    purge: bool,  # noqa: FBT001
) -> None:
    done = machine.run(made / "b", "remove", *(["--purge"] if purge else []))
    assert done.returncode == 0, done.stdout
    left = {name for name, what in tree(machine.root).items() if not what.startswith("0o")}
    assert left == {"etc/os-release"} | (set() if purge else {"var/lib/maskgate/outbox.sqlite"})
    assert not (machine.root / "etc/maskgate").exists()
    assert {"disable maskgate.service", "stop maskgate.service"} <= set(machine.asked())
    again = machine.run(made / "b", "remove")
    assert {line["state"] for line in steps(again).values()} == {"skipped"}


def test_status_says_what_is_installed(made: Path, machine: Machine) -> None:
    said = json.loads(machine.run(made / "a", "status").stdout)
    assert said["installed"] == payload_id(made / "a")
    assert (said["healthy"], said["running"], said["device"]) == (True, True, "north-door")


def _spoil(payload: Path, what: str) -> None:
    description = payload / "payload.json"
    said = json.loads(description.read_bytes())
    if what == "cut":
        description.write_bytes(description.read_bytes()[:-20])
    elif what == "damaged":
        (payload / "etc/maskgate.toml").write_text("# another")
    elif what == "missing":
        (payload / "etc/ca.pem").unlink()
    else:
        description.write_text(json.dumps({**said, **json.loads(what)}))


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("cut", "a damaged one"),
        ("damaged", "etc/maskgate.toml: it is damaged"),
        ("missing", "etc/ca.pem: No such file"),
        ('{"schema": 2}', "its schema is 2, expected 1"),
        ('{"python": "3.9"}', "the payload is for Python 3.9 on x86_64, and this is Python"),
        ('{"machine": "aarch64"}', "on aarch64, and this is Python"),
        ('{"files": {"etc/../../../x": "1"}}', "leaves the folder"),
        ('{"files": []}', "no payload, or a damaged one"),
    ],
)
def test_a_payload_that_is_damaged_or_another_s_touches_nothing(
    made: Path, machine: Machine, tmp_path: Path, what: str, expected: str
) -> None:
    payload = tmp_path / "spoiled"
    copy_root(made / "b", payload)
    _spoil(payload, what)
    before = tree(machine.root)
    done = machine.run(payload, "install")
    [line] = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, line["state"]) == (2, "failed")
    assert expected in line["why"]
    assert (done.stderr, tree(machine.root)) == ("", before)


def test_two_installers_do_not_meet(made: Path, machine: Machine) -> None:
    machine.never_healthy(made / "b")
    words = machine.words(made / "b", "install")
    script = (machine.folder / "systemctl").read_text()
    (machine.folder / "systemctl").write_text(
        script.replace("auto-restart", "start").replace(
            'echo $((starts + 1)) >"$here/starts"\n        printf', "printf"
        )
    )
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout
        while '"switch"' not in first.stdout.readline():
            pass
        second = machine.run(made / "a", "install")
        assert second.returncode == 2
        assert "another installation is at work" in second.stdout
        first.kill()


@pytest.mark.slow
def test_killed_while_wheels_are_installed_it_is_completed(made: Path, machine: Machine) -> None:
    for after in (0.2, 0.5, 0.9):
        with subprocess.Popen(
            machine.words(made / "b", "install"), stdout=subprocess.DEVNULL, start_new_session=True
        ) as first:
            time.sleep(after)
            os.killpg(first.pid, signal.SIGKILL)
        if current(machine) != payload_id(made / "a"):
            break
    assert machine.run(made / "b", "install").returncode == 0
    assert current(machine) == payload_id(made / "b")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("what", ["first", "update", "rollback", "remove"])
def test_killed_at_any_touch_of_the_disk_it_is_completed_when_run_again(
    made: Path, machine: Machine, what: str
) -> None:
    words = [sys.executable, "-m", "tests.killed_install", str(machine.folder), str(made), what]
    root = Path(__file__).parent.parent
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=580, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert int(done.stdout.split()[-1]) > 10, done.stdout
