"""Updates whose process is killed: afterwards the old bundle runs or the new one, never neither."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from edge.bundle import load_bundle
from edge.config import Settings
from edge.updates.current import updates_folder, with_updates
from edge.updates.update import go_back, update
from tests.bundles import new_key
from tests.updating import newer, runs, signed_device, started
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent
ROUNDS = int(os.environ.get("KILLED_UPDATES", "8"))


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_key(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def device(tmp_path: Path, key: Path) -> Settings:
    return signed_device(tmp_path, key)


def starts_after_kills(step: str, device: Settings, source: Path | str = "") -> list[list[str]]:
    """What ran at the next two starts, for a kill at each touch of the disk, and for none."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.killed_steps", device.model_dump_json(exclude_unset=True),
         step, str(source)],
        capture_output=True, text=True, timeout=100, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_update_killed_at_any_touch_of_the_disk_leaves_the_old_or_the_new_bundle(
    tmp_path: Path, key: Path, device: Settings
) -> None:
    update(str(newer(tmp_path, key, "9.0.0")), device)
    started(device).close()
    starts = starts_after_kills("update", device, newer(tmp_path, key, "9.1.0"))
    assert len(starts) > 15
    assert {tuple(pair) for pair in starts} == {("9.0.0", "9.0.0"), ("9.1.0", "9.1.0")}
    assert starts[-1] == ["9.1.0", "9.1.0"]


@pytest.mark.parametrize("step", ["run", "start"])
def test_a_first_run_killed_at_any_touch_of_the_disk_leaves_the_old_or_the_new_bundle(
    tmp_path: Path, key: Path, device: Settings, step: str
) -> None:
    own = runs(device)[1]
    update(str(newer(tmp_path, key, "9.0.0")), device)
    starts = starts_after_kills(step, device)
    assert {tuple(pair) for pair in starts} == {(own, own), ("9.0.0", "9.0.0")}
    assert starts[-1] == ["9.0.0", "9.0.0"]


def test_taking_back_killed_at_any_touch_of_the_disk_goes_on_at_the_next_start(
    tmp_path: Path, key: Path, device: Settings
) -> None:
    own = runs(device)[1]
    update(str(newer(tmp_path, key, "9.0.0")), device)
    started(device, 3).close(RuntimeError("a defect"))
    starts = starts_after_kills("start", device)
    assert {tuple(pair) for pair in starts} == {(own, own)}


def test_going_back_killed_at_any_touch_of_the_disk_leaves_one_of_the_two(
    tmp_path: Path, key: Path, device: Settings
) -> None:
    own = runs(device)[1]
    update(str(newer(tmp_path, key, "9.0.0")), device)
    started(device).close()
    starts = starts_after_kills("back", device)
    assert {tuple(pair) for pair in starts} <= {(own, own), ("9.0.0", "9.0.0")}
    assert starts[-1] == [own, own]


@pytest.fixture
def config(tmp_path: Path, key: Path, device: Settings) -> Path:
    """The device's settings as a file, for processes."""
    path = tmp_path / "maskgate.toml"
    path.write_text(
        f"[trust]\nkeys = ['{key}.pub']\n[outbox]\npath = '{device.outbox.path}'\n"
        f"[detector]\nbundle = '{device.detector.bundle}'\naccelerator = 'cpu'\n"
        f"[classifier]\nbundle = '{device.classifier.bundle}'\naccelerator = 'cpu'\n"
    )
    return path


def maskgate(config: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", "from edge.cli import main; main()", *words]
    return subprocess.Popen(
        [*command, "--config", str(config)],
        cwd=ROOT, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(60 + 30 * ROUNDS)
def test_updates_killed_at_random_moments_leave_the_old_or_the_new_bundle(
    tmp_path: Path, key: Path, device: Settings, config: Path
) -> None:
    chance = random.Random(7)  # noqa: S311
    source = str(newer(tmp_path, key, "9.0.0"))
    own, seen = runs(device)[1], Counter[str]()
    start = time.monotonic()
    with maskgate(config, "update", source) as process:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    taken = time.monotonic() - start
    go_back(device)
    for _ in range(ROUNDS):
        with maskgate(config, "update", source) as process:
            time.sleep(chance.uniform(0.2, 1.8) * taken)
            process.kill()
        bundle = load_bundle(with_updates(device).classifier.bundle)
        for file in bundle.manifest.files:
            bundle.content(file)
        seen[bundle.manifest.version] += 1
        if bundle.manifest.version == "9.0.0":
            go_back(device)
        assert len(list(updates_folder(device).glob("*.zip"))) <= 1
    print(f"killed {ROUNDS} updates of {taken:.1f} s; afterwards ran {dict(seen)}")
    assert set(seen) <= {own, "9.0.0"}


@pytest.mark.slow
def test_a_device_killed_on_probation_comes_back_with_the_old_bundle(
    tmp_path: Path, key: Path, device: Settings, config: Path
) -> None:
    own = runs(device)[1]
    update(str(newer(tmp_path, key, "9.0.0")), device)
    with maskgate(config, "run", "--source", "demo") as process:
        wait_until(lambda: '"begun"' in (updates_folder(device) / "updates.json").read_text())
        process.kill()
    assert runs(device)[1] == "9.0.0"
    with maskgate(config, "run", "--source", "demo", "--seconds", "1") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "taken back (the device ended while it was on probation, or the power was cut)" in said
    assert runs(device)[1] == own


@pytest.mark.slow
def test_a_running_device_takes_up_an_update_on_sighup(
    tmp_path: Path, key: Path, device: Settings, config: Path
) -> None:
    state = updates_folder(device) / "updates.json"
    with maskgate(config, "run", "--source", "demo", "--seconds", "60") as process:
        try:
            wait_until(device.outbox.path.exists, 30)  # type: ignore[union-attr]
            update(str(newer(tmp_path, key, "9.0.0")), device)
            process.send_signal(signal.SIGHUP)
            wait_until(lambda: '"begun"' in state.read_text(), 30)
            wait_until(lambda: '"probation": null' in state.read_text(), 30)
        finally:
            process.terminate()
        _, said = process.communicate(timeout=30)
    assert "settings read again, changed: classifier" in said
    assert "proved to work" in said
    assert runs(device)[1] == "9.0.0"
