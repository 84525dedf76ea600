"""The profiles of devices: what comes with MaskGate, and what users write."""

from pathlib import Path

import pytest

from edge.config import Settings
from edge.errors import MaskGateError
from firmware_config.profile import PROFILES, load_profile, profile_names


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / f"{name}.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_profiles_that_devices_can_have_are_listed() -> None:
    assert profile_names() == ["generic", "jetson-orin", "pi4", "pi5"]


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_has_what_every_device_needs(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert {"python3", "ca-certificates"} <= set(profile.packages)
    settings = Settings.model_validate(profile.settings)
    assert [camera.source for camera in settings.cameras.values()] != ["demo"]
    assert settings.detector.accelerator == settings.classifier.accelerator == "auto"


@pytest.mark.parametrize("name", ["pi4", "pi5"])
def test_a_raspberry_pi_sees_the_systems_camera_and_keeps_to_its_numpy(name: str) -> None:
    profile = load_profile(name)
    assert profile.machine == "aarch64"
    assert profile.system_site_packages
    assert "python3-picamera2" in profile.packages
    assert profile.settings["cameras"]["entrance"]["source"] == "picamera2"
    assert profile.boot.watchdog
    assert profile.boot.journal_in_memory
    assert not profile.boot.read_only_root
    assert "camera_auto_detect=1" in profile.boot.config_txt
    systems = {one.python: (one.name, one.provisioning, one.constraints) for one in profile.os}
    assert systems == {
        "3.11": ("raspios-bookworm", "firstrun", ("numpy<2",)),
        "3.13": ("raspios-trixie", "cloud-init", ("numpy>=2",)),
    }


def test_a_jetson_is_flashed_over_ssh_alone() -> None:
    [system] = load_profile("jetson-orin").os
    assert (system.python, system.provisioning) == ("3.10", None)
    assert system.constraints == ("numpy<2.3",)


def test_any_debian_is_asked_what_it_is() -> None:
    profile = load_profile("generic")
    assert (profile.machine, profile.os) == (None, ())
    assert profile.system_with("3.12").constraints == ()


def test_a_system_is_found_by_its_python_and_refused_by_it() -> None:
    profile = load_profile("pi5")
    assert profile.system_with("3.13").name == "raspios-trixie"
    with pytest.raises(MaskGateError) as caught:
        profile.system_with("3.9")
    assert "profile pi5: expected raspios-bookworm (Python 3.11) or raspios-trixie" in str(
        caught.value
    )
    assert "found Python 3.9" in str(caught.value)


def test_a_profile_of_ones_own_inherits_and_says_what_differs(tmp_path: Path) -> None:
    write(
        tmp_path,
        "lobby",
        "inherits = 'pi5'\npackages = ['tmux', 'python3']\n"
        "[boot]\njournal_in_memory = false\nconfig_txt = ['dtoverlay=disable-bt']\n"
        "[settings.cameras.entrance]\nrate = 5\n"
        "[settings.decision]\nviolations = ['face_no_mask']\n",
    )
    file = write(
        tmp_path,
        "lobby2",
        "inherits = './lobby.toml'\n[settings.decision]\nviolations = ['face_with_mask']\n"
        "[files]\n'/etc/modprobe.d/x.conf' = 'options x'\n",
    )
    pi5, own = load_profile("pi5"), load_profile(file)
    assert own.name == "lobby2"
    assert own.packages == (*pi5.packages, "tmux")
    assert not own.boot.journal_in_memory
    assert own.boot.watchdog
    assert own.boot.config_txt == (*pi5.boot.config_txt, "dtoverlay=disable-bt")
    assert own.settings["cameras"]["entrance"] == {
        **pi5.settings["cameras"]["entrance"],
        "rate": 5,
    }
    assert own.settings["decision"]["violations"] == ["face_with_mask"]
    assert own.files == {"/etc/modprobe.d/x.conf": "options x"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("machin = 'aarch64'", "unknown key machin; did you mean machine?"),
        ("machine = 'armv7'", "machine: input should be 'aarch64' or 'x86_64', found 'armv7'"),
        ("[boot]\nwatchdg = true", "unknown key boot.watchdg; did you mean watchdog?"),
        ("[boot]\nwatchdog = 'maybe'", "boot.watchdog: input should be a valid boolean"),
        ('[boot]\nconfig_txt = ["a\\nb"]', "boot.config_txt.2: string should match"),
        ("packages = ['x; reboot']", "packages.3: string should match pattern"),
        ("[[os]]\nname = 'x'\npyton = '3.12'", "unknown key os.2.pyton; did you mean python?"),
        ("[[os]]\nname = 'x'\npython = '2.7'", "os.2.python: string should match"),
        ("[[os]]\nname = 'x'\npython = '3.13'", "os: two systems of the python 3.13"),
        ("[settings.detector]\nmin_fase = 3", "settings: unknown key detector.min_fase; did you"),
        ("[settings.detector]\nmin_face = 3", "settings: detector.min_face: input should be great"),
        ("[settings.xyzzy]\n", "settings: unknown section xyzzy"),
        ("[files]\n'/usr/bin/x' = ''", "expected the path of a file under /etc/"),
        ("[files]\n'/etc/../usr/x' = ''", "expected the path of a file under /etc/"),
        ("inherits = 3", "inherits: expected the name of a profile, found 3"),
        ("inherits = 'pi6'", "profile pi6: there is none of that name; did you mean pi5?"),
        ("inherits = './bad.toml'", "inherits: it comes back to"),
        ("[boot", "not TOML"),
    ],
)
def test_a_wrong_profile_is_refused_with_file_and_key(
    tmp_path: Path, text: str, expected: str
) -> None:
    file = write(tmp_path, "bad", text if "inherits" in text else f"inherits = 'pi5'\n{text}")
    with pytest.raises(MaskGateError) as caught:
        load_profile(file)
    assert expected in str(caught.value)
    if "pi6" not in text:
        assert str(file) in str(caught.value)


def test_a_fault_names_the_file_that_it_is_in(tmp_path: Path) -> None:
    base = write(tmp_path, "mine", "inherits = 'pi5'\n[settings.detector]\nthreads = 99\n")
    file = write(tmp_path, "door", "inherits = './mine.toml'\n[settings.health]\nhot = 1\n")
    with pytest.raises(MaskGateError) as caught:
        load_profile(file)
    first, second = sorted(str(caught.value).splitlines(), key=lambda line: "health" in line)
    assert first.startswith(f"profile {base}: settings: detector.threads:")
    assert second.startswith(f"profile {file}: settings: health.hot:")


def test_what_profiles_only_inherit_is_none(tmp_path: Path) -> None:
    assert {path.stem for path in PROFILES.glob("*.toml")} - set(profile_names()) == {
        "base",
        "raspberry-pi",
    }
    with pytest.raises(MaskGateError, match="description: missing"):
        load_profile("base")
    with pytest.raises(MaskGateError, match=r"nowhere\.toml: cannot be read"):
        load_profile(tmp_path / "nowhere.toml")
