"""The payload: what is in it, and that the same input gives the same bytes."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from edge.bundle import MODELS, load_bundle
from edge.config import Settings
from edge.errors import MaskGateError
from edge.trust.signature import read_signature
from firmware_config.inventory import Broker, Device, Fleet
from firmware_config.payload import build_payload, pack, payload_id
from firmware_config.profile import load_profile
from firmware_config.system_files import system_files
from tests.installs import HERE, credentials, small_payload, small_wheels


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    packed = []
    for umask in (0o022, 0o077):
        before = os.umask(umask)
        payload = small_payload(tmp_path, "a")
        pack(payload, tmp_path / "payload.tar")
        os.umask(before)
        packed.append((payload_id(payload), (tmp_path / "payload.tar").read_bytes()))
    assert packed[0] == packed[1]
    assert (tmp_path / "payload.tar").stat().st_mode & 0o777 == 0o600
    with tarfile.open(tmp_path / "payload.tar") as archive:
        for entry in archive:
            assert (entry.mtime, entry.uid, entry.gid, entry.uname) == (0, 0, 0, "")
            assert entry.mode == (0o700 if entry.isdir() else 0o600)
    unpacked = tmp_path / "unpacked"
    subprocess.run(["tar", "-xf", tmp_path / "payload.tar", "--one-top-level=unpacked"],
                   cwd=tmp_path, check=True)  # fmt: skip
    assert payload_id(unpacked) == packed[0][0]


def test_it_says_what_it_is_and_the_hash_of_each_file(tmp_path: Path) -> None:
    payload = small_payload(tmp_path, "a")
    said = json.loads((payload / "payload.json").read_bytes())
    assert (said["schema"], said["site"], said["device"]) == (1, "hq", "north-door")
    assert (said["python"], said["machine"]) == (HERE.python, HERE.machine)
    files = {str(path.relative_to(payload)) for path in payload.rglob("*") if path.is_file()}
    assert files == {*said["files"], "payload.json"}
    for name, digest in said["files"].items():
        assert hashlib.sha256((payload / name).read_bytes()).hexdigest() == digest


def test_its_bundles_are_signed_by_the_key_that_its_settings_trust(tmp_path: Path) -> None:
    secrets = credentials(tmp_path)
    payload = small_payload(tmp_path, "a", secrets=secrets)
    for name in ("detector", "classifier"):
        assert read_signature(load_bundle(payload / "bundles" / name))
    public = (payload / "etc" / "bundle.key.pub").read_bytes()
    assert public == secrets.bundle_public_key.read_bytes()
    assert not (MODELS / "compact" / "manifest.sig").exists()


def test_another_device_s_secrets_are_not_in_it(tmp_path: Path) -> None:
    secrets = credentials(tmp_path)
    other = secrets.for_device(Device(site="hq", id="south-door", profile="any"))
    payload = small_payload(tmp_path, "a", secrets=secrets)
    own = (payload / "etc" / "password").read_text().strip()
    content = b"".join(path.read_bytes() for path in payload.rglob("*") if path.is_file())
    assert own.encode() in content
    assert other.password.encode() not in content
    assert b"BEGIN PRIVATE KEY" not in content
    assert payload.stat().st_mode & 0o077 == 0
    for path in (payload / "etc").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["pi4", "pi5", "jetson-orin", "generic"])
def test_each_profile_has_its_drop_ins(name: str) -> None:
    files = system_files(load_profile(name))
    assert "etc/systemd/system/maskgate.service" in files
    assert b"m maskgate render" in files["etc/sysusers.d/maskgate.conf"]
    is_a_pi = name.startswith("pi")
    assert ("etc/systemd/system.conf.d/90-maskgate.conf" in files) == is_a_pi
    assert ("etc/systemd/journald.conf.d/90-maskgate.conf" in files) == is_a_pi
    assert not any(path.startswith("/") for path in files)


def test_systemd_takes_the_declaration_of_the_user(tmp_path: Path) -> None:
    tool = shutil.which("systemd-sysusers")
    if tool is None:
        pytest.skip("systemd-sysusers is not installed")
    declaration = system_files(load_profile("generic"))["etc/sysusers.d/maskgate.conf"]
    (tmp_path / "etc/sysusers.d").mkdir(parents=True)
    (tmp_path / "etc/sysusers.d/maskgate.conf").write_bytes(declaration)
    subprocess.run([tool, f"--root={tmp_path}", "maskgate.conf"], check=True, capture_output=True)
    groups = (tmp_path / "etc/group").read_text()
    for group in ("video", "render"):
        [line] = [line for line in groups.splitlines() if line.startswith(f"{group}:")]
        assert line.endswith(":maskgate")


def test_what_is_no_payload_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.txt").write_text("mine")
    with pytest.raises(MaskGateError, match="something else is there, which would be removed"):
        small_payload(tmp_path, "a")
    assert (tmp_path / "a" / "thesis.txt").read_text() == "mine"
    assert not list(tmp_path.glob(".*.part"))


def test_a_damaged_bundle_leaves_the_payload_before_as_it_was(tmp_path: Path) -> None:
    before = payload_id(small_payload(tmp_path, "a"))
    bundle = Path(shutil.copytree(MODELS / "compact", tmp_path / "damaged"))
    for file in bundle.glob("*.tflite"):
        file.write_bytes(b"damaged")
    one = Device.model_validate(
        {"site": "hq", "id": "north-door", "profile": "any", "source": "demo",
         "settings": {"classifier": {"bundle": str(bundle)}}}
    )  # fmt: skip
    fleet = Fleet(broker=Broker(host="broker.example"), devices=[one], secrets=tmp_path)
    with pytest.raises(MaskGateError, match="damaged"):
        build_payload(fleet, one, load_profile("generic"), HERE, credentials(tmp_path),
                      tmp_path / "a", small_wheels(tmp_path))  # fmt: skip
    assert payload_id(tmp_path / "a") == before
    assert not list(tmp_path.glob(".*.part"))


def test_its_settings_are_those_of_the_device(tmp_path: Path) -> None:
    tomllib = pytest.importorskip("tomllib")
    payload = small_payload(tmp_path, "a")
    table = tomllib.loads((payload / "etc" / "maskgate.toml").read_text())
    settings = Settings.model_validate(table)
    assert settings.device.id == "north-door"
    assert str(settings.classifier.bundle) == "/opt/maskgate/current/bundles/classifier"
