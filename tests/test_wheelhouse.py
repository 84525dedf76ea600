"""The wheels of a device: which, whether they are intact, and whether they run there."""

import csv
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner

from edge.cli import main
from edge.demo.masks import SURGICAL, wear
from edge.demo.portraits import COLLINS, HOPPER, find_photo
from edge.errors import MaskGateError
from edge.sources.pictures import read_picture
from firmware_config import checkout, own_wheel, pins, wheelhouse
from firmware_config.inventory import Broker, Fleet
from firmware_config.own_wheel import build_own_wheel
from firmware_config.payload import build_payload
from firmware_config.pins import Pin, Target, read_pins
from firmware_config.profile import load_profile
from firmware_config.wheelhouse import fetch_wheels
from tests.emulated import CACHE, PYTHONS, run_emulated
from tests.installs import HERE, Machine, credentials, device

XNNPACK = "Created TensorFlow Lite XNNPACK delegate"
SMALL = ("click", "idna")


def fetched(target: Target) -> tuple[Path, ...]:
    """The wheels; skips the test where there is no network."""
    try:
        return fetch_wheels(target, CACHE / "wheels")
    except MaskGateError as error:
        if "cannot be reached" in str(error):
            pytest.skip(str(error))
        raise


@pytest.fixture
def small_lock(monkeypatch: pytest.MonkeyPatch) -> tuple[Pin, ...]:
    """Two packages of pure Python instead of all."""
    chosen = tuple(pin for pin in read_pins(HERE) if pin.name in SMALL)
    monkeypatch.setattr(wheelhouse, "read_pins", lambda _: chosen)
    return chosen


def test_what_counts_is_the_device_s_python_and_not_this_one() -> None:
    found = {
        python: {pin.name: pin.version for pin in read_pins(Target(python, "aarch64"))}
        for python in ("3.10", "3.11", "3.13")
    }
    assert "tomli" in found["3.10"]
    assert "tomli" not in found["3.11"]
    assert found["3.10"]["numpy"] == "2.2.6"  # The last for Python 3.10.
    assert found["3.13"]["numpy"] > found["3.11"]["numpy"]
    for names in found.values():
        assert {"pip", "ai-edge-litert", "opencv-python-headless"} <= set(names)
        assert not {"colorama", "amqtt", "tensorflow", "maskgate"} & set(names)


@pytest.mark.parametrize(
    ("profile", "python"), [("pi4", "3.11"), ("pi5", "3.13"), ("jetson-orin", "3.10")]
)
def test_every_system_of_a_profile_gets_packages_that_keep_to_its_constraints(
    profile: str, python: str
) -> None:
    system = load_profile(profile).system_with(python)
    chosen = read_pins(Target(python, "aarch64", system.constraints))
    [numpy] = [pin for pin in chosen if pin.name == "numpy"]
    assert numpy.version.startswith("1.26." if python == "3.11" else "2.")
    assert all(pin.hashes for pin in chosen)


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("numpy<1.20", "no lock in constraints/ (device, numpy1) keeps to numpy<1.20, found 1.26"),
        ("numpy<", "expected a package and its versions, e.g. numpy<2"),
    ],
)
def test_constraints_that_no_lock_keeps_to_are_refused(constraint: str, expected: str) -> None:
    with pytest.raises(MaskGateError) as caught:
        read_pins(Target("3.11", "aarch64", (constraint,)))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wheels_are_fetched_once_and_damaged_ones_again(
    tmp_path: Path, small_lock: tuple[Pin, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fetch_wheels(HERE, tmp_path)
    assert len(first) == len(small_lock) + 1  # MaskGate's own.
    first[0].write_bytes(first[0].read_bytes()[:-1])
    assert fetch_wheels(HERE, tmp_path) == first
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9")
    assert fetch_wheels(HERE, tmp_path) == first


def test_without_a_network_it_says_so(
    tmp_path: Path, small_lock: tuple[Pin, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    del small_lock
    for variable in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.setenv(variable, "")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(MaskGateError, match="the package index cannot be reached; try again"):
        fetch_wheels(HERE, tmp_path)


def pip_that_says(folder: Path, text: str) -> Path:
    """A Python whose pip fails."""
    program = folder / "python"
    program.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{text}\nEND\nexit 1\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "is not what constraints/ says"),
        ("/x/python: No module named pip", "this Python has no pip"),
        (
            "ERROR: No such\nERROR: No matching distribution found for idna==3.20 (from x)",
            "there is no wheel of idna==3.20; use a system with another Python",
        ),
        ("", "pip failed (it said nothing)"),
    ],
)
def test_what_pip_says_is_told_in_a_line(
    tmp_path: Path,
    small_lock: tuple[Pin, ...],
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    expected: str,
) -> None:
    del small_lock
    monkeypatch.setattr(sys, "executable", str(pip_that_says(tmp_path, said)))
    with pytest.raises(MaskGateError) as caught:
        fetch_wheels(HERE, tmp_path / "cache")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_processor_of_32_bits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MaskGateError, match="expected aarch64 or x86_64; 32-bit systems have no"):
        fetch_wheels(Target("3.11", "armv7l"), tmp_path)


def test_without_a_checkout_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "__file__", str(tmp_path / "firmware_config" / "checkout.py"))
    with pytest.raises(MaskGateError, match="expected a checkout of MaskGate"):
        pins.read_pins(HERE)


@pytest.mark.slow
def test_our_own_wheel_is_the_same_each_time_and_holds_what_a_device_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = build_own_wheel(tmp_path / "once")
    before = os.umask(0o077)
    again = build_own_wheel(tmp_path / "again")
    os.umask(before)
    assert once.read_bytes() == again.read_bytes()
    with zipfile.ZipFile(once) as wheel:
        names = set(wheel.namelist())
    assert {"edge/models/compact/manifest.json", "edge/view/page/view.js"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert build_own_wheel(tmp_path / "once") == once
    with pytest.raises(MaskGateError, match="pip and setuptools are needed"):
        build_own_wheel(tmp_path / "third")
    assert own_wheel.EPOCH % 2 == 0  # A zip counts every other second.


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's two portraits, and one of them with a mask."""
    folder = tmp_path_factory.mktemp("photos")
    for portrait in (COLLINS, HOPPER):
        pixels = read_picture(find_photo(portrait))
        cv2.imwrite(str(folder / f"{portrait.package}.png"), pixels[:, :, ::-1])
    masked = wear(
        read_picture(find_photo(COLLINS)), COLLINS.landmarks, COLLINS.chin, COLLINS.ears,
        COLLINS.cheeks, SURGICAL,
    )  # fmt: skip
    cv2.imwrite(str(folder / "masked.png"), masked[:, :, ::-1])
    return folder


@pytest.fixture(scope="module")
def expected(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """What this machine sees in them."""
    out = tmp_path_factory.mktemp("expected") / "faces.csv"
    done = CliRunner().invoke(main, ["predict", *arguments(photos, out)])
    assert done.exit_code == 0, done.output
    found = rows(out)
    labels = {row["name"]: row["classname"] for row in found}
    assert labels == {
        "masked.png": "face_with_mask",
        "matplotlib.png": "face_no_mask",
        "skimage.png": "face_no_mask",
    }
    return found


def arguments(photos: Path, out: Path) -> list[str]:
    settings = out.with_suffix(".toml")
    settings.write_text(
        '[detector]\naccelerator = "cpu"\nmin_face = 40\n[classifier]\naccelerator = "cpu"\n'
    )
    return [str(photos), "--config", str(settings), "--out", str(out)]


def rows(out: Path) -> list[dict[str, str]]:
    with out.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def hold(found: list[dict[str, str]], expected: list[dict[str, str]]) -> None:
    """The same faces and labels; sizes and scores within what processors round differently."""
    assert [(row["name"], row["classname"]) for row in found] == [
        (row["name"], row["classname"]) for row in expected
    ]
    for one, other in zip(found, expected, strict=True):
        for key in ("x1", "x2", "y1", "y2"):
            assert float(one[key]) == pytest.approx(float(other[key]), abs=3)
        assert float(one["score"]) == pytest.approx(float(other["score"]), abs=0.03)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("suite", PYTHONS)
def test_the_wheels_of_a_raspberry_pi_see_there_what_this_machine_sees(
    suite: str, photos: Path, expected: list[dict[str, str]], tmp_path: Path
) -> None:
    python = PYTHONS[suite]
    system = load_profile("pi5").system_with(python)
    for wheel in fetched(Target(python, "aarch64", system.constraints)):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(tmp_path)
    out = tmp_path / "faces.csv"
    program = (
        "import numpy, platform, sys\n"
        "print(platform.machine(), platform.python_version(), numpy.__version__, flush=True)\n"
        "from edge.cli import main\n"
        "main()"
    )
    done = run_emulated(suite, ["-c", program, "predict", *arguments(photos, out)], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    machine, version, numpy = done.stdout.splitlines()[0].split()
    assert (machine, version.rpartition(".")[0]) == ("aarch64", python)
    assert numpy.startswith("1." if suite == "bookworm" else "2.")
    assert XNNPACK in done.stdout + done.stderr
    hold(rows(out), expected)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="its payload is for x86-64")
def test_what_is_installed_from_the_wheels_runs(
    photos: Path, expected: list[dict[str, str]], tmp_path: Path
) -> None:
    secrets, profile = credentials(tmp_path), load_profile("generic")
    fleet = Fleet(broker=Broker(host="broker.example"), devices=[device()], secrets=tmp_path)
    payload = build_payload(
        fleet, device(), profile, HERE, secrets, tmp_path / "payload", fetched(HERE)
    )
    machine = Machine(tmp_path / "machine").prepare()
    done = machine.run(payload, "install")
    assert done.returncode == 0, done.stdout + done.stderr
    out = tmp_path / "faces.csv"
    program = machine.root / "opt/maskgate/bin/maskgate"
    subprocess.run([program, "predict", *arguments(photos, out)], check=True, capture_output=True)
    hold(rows(out), expected)
    bundle = machine.root / "opt/maskgate/current/bundles/detector"
    subprocess.run([program, "bundle", "show", bundle], check=True, capture_output=True)
    assert json.loads(machine.run(payload, "status").stdout)["running"]
