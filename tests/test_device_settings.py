"""The maskgate.toml that a device gets."""

import sys
from pathlib import Path
from typing import Any

import pytest

from edge.errors import MaskGateError
from edge.loading import load_settings
from firmware_config.inventory import Broker, Device
from firmware_config.profile import Profile, load_profile, profile_names
from firmware_config.settings import device_bundles, device_settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BROKER = Broker(host="broker.example", port=18883)


def device(**more: Any) -> Device:
    return Device(**{"site": "hq", "id": "north-door", "profile": "pi5", **more})


@pytest.mark.parametrize("name", profile_names())
def test_the_device_takes_what_it_gets(tmp_path: Path, name: str) -> None:
    file = tmp_path / "maskgate.toml"
    file.write_text(device_settings(device(), load_profile(name), BROKER), encoding="utf-8")
    settings = load_settings(file, environment={})
    assert (settings.device.site, settings.device.id) == ("hq", "north-door")
    assert settings.broker.url == "mqtts://north-door@broker.example:18883"
    assert str(settings.broker.password_file) == "/etc/maskgate/password"
    assert str(settings.broker.ca_file) == "/etc/maskgate/ca.pem"
    assert [str(key) for key in settings.trust.keys] == ["/etc/maskgate/bundle.key.pub"]
    assert str(settings.detector.bundle) == "/opt/maskgate/current/bundles/detector"
    assert str(settings.classifier.bundle) == "/opt/maskgate/current/bundles/classifier"
    assert str(settings.outbox.path) == "/var/lib/maskgate/outbox.sqlite"
    assert str(settings.updates.folder) == "/var/lib/maskgate/updates"
    assert list(settings.cameras) == ["entrance"]
    assert not settings.snapshot.enabled


def test_the_devices_own_settings_win_over_the_profiles() -> None:
    own = {"detector": {"threads": 1}, "decision": {"violations": ["face_no_mask"]}}
    text = device_settings(device(settings=own, source="demo"), load_profile("pi5"), BROKER)
    written = tomllib.loads(text)
    assert written["detector"]["threads"] == 1
    assert written["detector"]["accelerator"] == "auto"
    assert written["decision"] == own["decision"]
    assert written["cameras"] == {
        "entrance": {"source": "demo", "width": 1280, "height": 720, "rate": 15}
    }


def test_cameras_that_a_device_names_take_the_place_of_the_profiles() -> None:
    cameras = {"yard": {"source": "rtsp://yard", "rate": 5}, "door": {}}
    text = device_settings(device(settings={"cameras": cameras}), load_profile("pi5"), BROKER)
    assert tomllib.loads(text)["cameras"] == {
        "yard": {"source": "rtsp://yard", "width": 1280, "height": 720, "rate": 5},
        "door": {"source": "picamera2", "width": 1280, "height": 720, "rate": 15},
    }


def test_the_same_device_gives_the_same_text_in_whatever_order_it_is_written() -> None:
    one = {"detector": {"gate": False, "min_face": 32}, "health": {"hot": 75}}
    other = {"health": {"hot": 75}, "detector": {"min_face": 32, "gate": False}}
    profile = load_profile("pi4")
    first = device_settings(device(settings=one), profile, BROKER)
    assert first == device_settings(device(settings=other), profile, BROKER)
    assert first.splitlines()[0].startswith("# MaskGate on north-door (hq), a pi4")
    assert first.index("[device]") < first.index("[cameras.") < first.index("[broker]")


def test_any_text_is_written_so_that_it_is_read_as_it_was(tmp_path: Path) -> None:
    source = 'C:\\films\\"ä" \x7f\t#1.mp4'
    text = device_settings(device(source=source), load_profile("generic"), BROKER)
    file = tmp_path / "maskgate.toml"
    file.write_text(text, encoding="utf-8")
    assert load_settings(file, environment={}).cameras["entrance"].source == source


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    text = device_settings(device(), load_profile("pi5"), Broker(host="fd00::1"))
    assert 'url = "mqtts://north-door@[fd00::1]:8883"' in text


def test_wrong_settings_are_refused_all_at_once() -> None:
    own = {
        "detector": {"min_fase": 3, "threads": 99},
        "trust": {"keys": ["/x.pub"]},
        "device": {"site": "elsewhere"},
    }
    with pytest.raises(MaskGateError) as caught:
        device_settings(device(settings=own), load_profile("pi5"), BROKER)
    found = str(caught.value).splitlines()
    assert len(found) == 4
    assert all(line.startswith("device north-door: settings: ") for line in found)
    assert "unknown key detector.min_fase; did you mean min_face?" in str(caught.value)
    assert "trust.keys: flashing takes it from the folder of secrets; leave it" in str(caught.value)
    assert "device.site: flashing takes it from the device's site" in str(caught.value)


def test_what_the_profile_says_wrong_is_told_of_the_profile() -> None:
    profile = Profile(name="mine", description="x", settings={"outbox": {"path": "/tmp/x"}})  # noqa: S108
    with pytest.raises(MaskGateError) as caught:
        device_settings(device(), profile, BROKER)
    assert str(caught.value).startswith("profile mine: settings: outbox.path: flashing takes it")


def test_bundles_are_those_of_the_kind_or_the_users_own(tmp_path: Path) -> None:
    profile = load_profile("pi5")
    usual = device_bundles(device(), profile)
    assert {name: path.name for name, path in usual.items()} == {
        "detector": "maskgate",
        "classifier": "compact",
    }
    assert all(path.joinpath("manifest.json").is_file() for path in usual.values())
    kind = device(settings={"detector": {"kind": "mtcnn"}})
    assert device_bundles(kind, profile)["detector"].name == "mtcnn"
    own = device(settings={"classifier": {"bundle": str(tmp_path)}})
    assert device_bundles(own, profile)["classifier"] == tmp_path
    assert str(tmp_path) not in device_settings(own, profile, BROKER)
