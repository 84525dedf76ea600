"""What the installer cannot do: a disk that is full, a package that is not to be had."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_config.payload import payload_id
from tests.installs import Machine, small_payload, tree
from tests.over_this_system import needs_overlay, run_over_this_system
from tests.payloads import say

pytestmark = pytest.mark.skipif(
    os.uname().machine != "x86_64", reason="its payloads are for x86-64"
)
# A disk of its own, of so many KB, at a folder whose files it holds; the rest of it can be filled.
DISK = """
set -e
cp -a "$1" "$1.kept"
mount -t tmpfs -o size="$2"k disk "$1"
cp -a "$1.kept/." "$1"
[ "$3" = "" ] || dd if=/dev/zero of="$1/ballast" bs=1k 2>/dev/null || true
shift 3
code=0
"$@" || code=$?
exit $code
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the payloads a and b."""
    folder = tmp_path_factory.mktemp("payloads")
    for name in "ab":
        small_payload(folder, name)
    return folder


@pytest.fixture
def machine(made: Path, tmp_path: Path) -> Machine:
    """A machine on which a is installed."""
    machine = Machine(tmp_path / "machine").prepare()
    assert machine.run(made / "a", "install").returncode == 0
    return machine


def install_on_a_disk(
    machine: Machine, payload: Path, place: str, kilobytes: int, *, full: bool = False
) -> subprocess.CompletedProcess[str]:
    """Install where a folder of the machine is a small disk."""
    disk = [str(machine.root / place), str(kilobytes), "full" if full else ""]
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", DISK, "-", *disk, *machine.words(payload, "install")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@needs_overlay
def test_a_disk_without_room_is_refused_before_anything_is_touched(
    made: Path, machine: Machine
) -> None:
    before = tree(machine.root)
    done = install_on_a_disk(machine, made / "b", "opt/maskgate", 50_000)
    last = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, last["state"], done.stderr) == (2, "failed", "")
    assert re.search(r"/opt/maskgate: 3\d MB are free, and 11\d are needed; free", last["why"])
    kept = {name: what for name, what in tree(machine.root).items() if ".kept" not in name}
    assert kept == before


@needs_overlay
@pytest.mark.parametrize("place", ["etc", "var/lib/maskgate"])
def test_a_disk_that_gets_full_is_told_and_the_same_again_completes_it(
    made: Path, machine: Machine, place: str
) -> None:
    done = install_on_a_disk(machine, made / "b", place, 200, full=True)
    last = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, last["state"], done.stderr) == (2, "failed", "")
    assert f"{machine.root / place}" in last["why"]
    assert last["why"].endswith("No space left on device; free some space and run this again")
    done = machine.run(made / "b", "install")
    assert done.returncode == 0, done.stdout
    assert (machine.root / "opt/maskgate/current").readlink().name == payload_id(made / "b")


@needs_overlay
def test_a_package_that_cannot_be_fetched_is_named_and_nothing_is_touched(
    made: Path, tmp_path: Path
) -> None:
    """On a copy of this machine's Debian, with its own apt and no network."""
    payload = made / "a"
    described = (payload / "payload.json").read_bytes()
    say(payload, packages=["bash", "no-such-package-of-maskgate"])
    try:
        done = run_over_this_system(
            tmp_path,
            f"unshare --net {sys.executable} {payload}/install.py install; echo $?\n"
            "ls -d /opt/maskgate /etc/maskgate",
        )
    finally:
        (payload / "payload.json").write_bytes(described)
    *steps, code = done.stdout.splitlines()
    last = json.loads(steps[-1])
    assert (code, last["state"]) == ("2", "failed"), done.stdout + done.stderr
    assert last["why"].startswith(
        "no-such-package-of-maskgate: not installed, and apt-get cannot fetch it ("
    )
    assert last["why"].endswith("is there a network? Connect it and run this again")
