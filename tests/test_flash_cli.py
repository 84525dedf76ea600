"""maskgate-flash and make flash: what is said, in what order, and with what exit code."""

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge.errors import MaskGateError
from firmware_config import flashing
from firmware_config.cli import main
from firmware_config.inventory import Device, Fleet

ROOT = Path(__file__).parent.parent
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE7rjAxxBwfz5fT0xNHqcV0Nn4u0pXl2r5RBpXAvjPzS ops@desk"
ONE = ("--profile", "pi5", "--site", "hq", "--device-id", "door", "--broker", "broker.example")
FLEET = """
[broker]
host = "broker.example"
[defaults]
site = "hq"
profile = "pi5"
"""


def flash(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    file = tmp_path / "fleet.toml"
    file.write_text(FLEET + "".join(f"[[devices]]\nid = '{name}'\n" for name in ("a", "b", "c")))
    return file


def test_the_profiles_are_shown_as_a_table() -> None:
    done = flash("profiles")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["generic", "jetson-orin", "pi4", "pi5"]
    assert "raspios-trixie (Python 3.13)" in lines[-1]
    assert lines[-1].endswith("yes")
    assert lines[2].endswith("no")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "--profile, --site, --device-id: not given; give them, or --fleet FILE and --device"),
        (("--profile", "pi5", "--site", "hq"), "Error: --device-id: not given"),
        (("--device", "a"), "--device: it names one of an inventory; give --fleet"),
        ((*ONE, "--profile", "pi6"), "--profile: profile pi6: there is none of that name; did you"),
        ((*ONE, "--site", "a/b"), "--site: site: string should match pattern"),
        ((*ONE, "--device-id", "viewer"), "--device-id: id: expected an id that is not viewer or"),
        ((*ONE, "--device-id", "a b"), "--device-id: id: string should match pattern"),
        ((*ONE, "--broker", "http://x"), "--broker: expected host[:port]"),
        ((*ONE, "--broker", "mqtt://x"), "--broker: expected host[:port] alone: devices use TLS"),
        ((*ONE, "--broker", "mqtts://me:s3cret@x"), "--broker: expected host[:port]"),
        ((*ONE, "--broker", "a b"), "--broker: expected host[:port]"),
        ((*ONE, "--hostname", "a_b"), "--hostname: hostname: string should match"),
        ((*ONE, "--wifi", "doors"), "--wifi-password-file: wifi.password_file: missing"),
        ((*ONE, "--wifi-country", "de"), "--wifi-country: wifi.country: string should match"),
        ((*ONE, "--user", "root"), "--user: user: expected a user of its own"),
        ((*ONE, "--timezone", "Europe/Berln"), "such as Europe/Berlin"),
        ((*ONE, "--ssh-key", "nowhere.pub"), "--ssh-key nowhere.pub: No such file"),
        ((*ONE, "--config", "nowhere.toml"), "settings nowhere.toml: cannot be read"),
    ],
)
def test_a_device_that_is_described_wrongly_is_refused(
    words: tuple[str, ...], expected: str
) -> None:
    done = flash("image", "raspios.img.xz", "--out", "door.img", *words)
    assert done.exit_code == 2
    assert expected in done.output
    assert "s3cret" not in done.output
    assert isinstance(done.exception, SystemExit)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    settings = tmp_path / "own.toml"
    settings.write_text("[detector]\nmin_fase = 3\n[device]\nid = 'x'\n")
    private = tmp_path / "id"
    private.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nQUJD\n")
    words = (*ONE, "--broker", "x:0", "--config", settings, "--source", "0")
    done = flash("image", "a", "--out", "b", *words)
    assert len(done.output.splitlines()) == 3
    assert f"--config {settings}: unknown key detector.min_fase; did you mean min" in done.output
    assert f"--config {settings}: device.id: flashing takes it from" in done.output
    done = flash("image", "a", "--out", "b", *words, "--ssh-key", private, "--site", "a/b")
    assert len(done.output.splitlines()) == 3
    assert "it is a private key" in done.output
    assert "QUJD" not in done.output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "--device: not given; which of a, b, c?"),
        (("--device", "bb"), "--device bb: the inventory has none of that id; did you mean b?"),
        (("--device", "a", "--site", "x"), "--site: with --fleet it stands in the inventory"),
    ],
)
def test_a_device_of_an_inventory_is_named_and_not_described(
    inventory: Path, words: tuple[str, ...], expected: str
) -> None:
    done = flash("image", "x", "--out", "y", "--fleet", inventory, *words)
    assert done.exit_code == 2
    assert expected in done.output


def test_without_a_broker_it_is_this_machine_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Fleet, Device]] = []

    def remember(fleet: Fleet, device: Device, *_others: object) -> str:
        seen.append((fleet, device))
        return "made"

    monkeypatch.setattr(flashing, "flash_image", remember)
    monkeypatch.setattr(socket, "gethostname", lambda: "desk")
    keys = tmp_path / "keys.pub"
    keys.write_text(f"# ours\n{KEY}\n\n{KEY.replace('ops', 'night')}\n")
    wifi = ("--wifi", "doors", "--wifi-password-file", "pw", "--wifi-country", "DE")
    done = flash("image", "x", "--out", "y", *ONE[:6], *wifi, "--ssh-key", keys, "--source", "demo")
    assert done.exit_code == 0, done.output
    assert "devices will look for this machine, desk.local, port 8883" in done.output
    [(fleet, device)] = seen
    assert fleet.broker.url("door") == "mqtts://door@desk.local:8883"
    assert fleet.secrets == Path("secrets")
    assert (device.id, device.source, device.hostname) == ("door", "demo", "door")
    assert device.ssh_keys == [KEY, KEY.replace("ops", "night")]
    assert device.wifi
    assert device.wifi.password_file == Path("pw")


def test_one_device_that_fails_stops_no_other_and_is_named_at_the_end(
    tmp_path: Path, inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(_fleet: Fleet, device: Device, image: Path, out: Path, _tell: object) -> str:
        if device.id == "b":
            raise MaskGateError(f"image {image}: it is damaged")
        return f"{out}: made for {device.id}"

    monkeypatch.setattr(flashing, "flash_image", make)
    out = tmp_path / "images"
    done = flash("fleet", inventory, "--image", "raspios.img", "--out", out)
    assert done.exit_code == 2
    assert f"{out / 'a.img'}: made for a" in done.output
    assert f"{out / 'c.img'}: made for c" in done.output
    assert "c (3 of 3)" in done.output
    assert done.output.splitlines()[-2:] == [
        f"Error: fleet {inventory}: 1 of 3 devices failed",
        "  b: image raspios.img: it is damaged",
    ]
    assert out.stat().st_mode & 0o077 == 0


def test_a_device_with_neither_host_nor_image_says_what_it_needs(inventory: Path) -> None:
    done = flash("fleet", inventory)
    assert done.exit_code == 2
    assert "3 of 3 devices failed" in done.output
    assert "  a: device a: it has no host, so it needs an image; give --image" in done.output


def test_a_host_that_does_not_answer_is_named_and_the_next_one_tried(tmp_path: Path) -> None:
    pytest.importorskip("firmware_config.host")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    file = tmp_path / "fleet.toml"
    devices = f"[[devices]]\nid = 'a'\nhost = 'pi@127.0.0.1:{port}'\n[[devices]]\nid = 'b'\n"
    file.write_text(FLEET + devices)
    done = flash("fleet", file)
    assert done.exit_code == 2
    assert f"  a: host pi@127.0.0.1:{port}: it is there, but nothing listens" in done.output
    assert "  b: device b: it has no host" in done.output


def test_a_device_that_went_back_gives_another_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flashing, "flash_host", lambda *_: ("door.local: rolled back", False))
    assert flash("host", *ONE, "--host", "pi@door").exit_code == 3
    monkeypatch.setattr(flashing, "flash_host", lambda *_: ("door.local: done", True))
    assert flash("host", *ONE, "--host", "pi@door").exit_code == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "give either HOST, or --fleet FILE and --device ID"),
        (("pi@x", "--fleet", "FLEET", "--device", "a"), "give either HOST, or"),
        (("--fleet", "FLEET"), "give either HOST, or"),
        (("--fleet", "FLEET", "--device", "a"), "device a: no host is given; give --host"),
    ],
)
def test_what_shall_be_removed_must_be_clear(
    inventory: Path, words: tuple[str, ...], expected: str
) -> None:
    done = flash("remove", *(str(inventory) if word == "FLEET" else word for word in words))
    assert done.exit_code == 2
    assert expected in done.output


def test_the_brokers_files_are_made_for_all_devices(tmp_path: Path, inventory: Path) -> None:
    out = tmp_path / "broker"
    done = flash("broker", "--fleet", inventory, "--out", out)
    assert done.exit_code == 0, done.output
    assert "README.txt says how to start the broker" in done.output
    passwords = (out / "passwords").read_text()
    assert [line.split(":")[0] for line in passwords.splitlines()][:3] == ["a", "b", "c"]
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    again = flash("broker", "--fleet", inventory, "--out", out)
    assert "nothing changed" in again.output
    done = flash("broker", "--fleet", inventory, "--out", out, "--device", "a")
    assert done.exit_code == 2


def test_a_password_is_rotated_and_one_of_a_device_that_left_is_forgotten(
    tmp_path: Path, inventory: Path
) -> None:
    out, login = tmp_path / "broker", tmp_path / "secrets" / "logins"
    flash("broker", "--fleet", inventory, "--out", out)
    before = {name: (login / name).read_text() for name in ("a", "b")}
    done = flash("broker", "--fleet", inventory, "--out", out, "--rotate", "a")
    assert "a: it has a new password; give it its files" in done.output
    assert (login / "a").read_text() != before["a"]
    assert (login / "b").read_text() == before["b"]
    inventory.write_text(FLEET + "[[devices]]\nid = 'a'\n[[devices]]\nid = 'b'\n")
    left = flash("broker", "--fleet", inventory, "--out", out)
    assert "c: it is in no inventory any more" in left.output
    flash("broker", "--fleet", inventory, "--out", out, "--forget", "c")
    assert not (login / "c").exists()
    for words, complaint in (
        (("--forget", "a"), "--forget a: it is in the inventory; --rotate it"),
        (("--rotate", "d"), "login d: there is none of that name"),
    ):
        done = flash("broker", "--fleet", inventory, "--out", out, *words)
        assert done.exit_code == 2
        assert complaint in done.output


def make(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    place = [f"FLASH={folder}"] if folder else []
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        ["make", "-s", "--no-print-directory", *place, *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "PROFILE, SITE, DEVICE_ID: not given. For example make flash PROFILE=pi5"),
        (("PROFILE=pi5", "SITE=hq"), "DEVICE_ID: not given."),
        (("PROFILE=pi5", "SITE=hq", "DEVICE_ID=door"), "IMAGE or HOST: not given."),
        (("FLEET=f", "CARD=/dev/sdX"), "CARD=/dev/sdX: which IMAGE shall be written to it?"),
        (("FLEET=f", "HOST=a", "IMAGE=b"), "HOST=a: it is reached over ssh and needs neither"),
        (("FLEET=f", "HOST=a"), "CARD and HOST are of one device: name it by DEVICE"),
    ],
)
def test_make_flash_says_what_is_missing_before_it_installs_anything(
    tmp_path: Path, words: tuple[str, ...], expected: str
) -> None:
    done = make("flash", *words, folder=tmp_path / "env")
    assert done.returncode == 2
    assert expected in done.stderr
    assert not (tmp_path / "env").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ("IMAGE=a b.img", "OUT=x'y.img", "CARD=/dev/sdX"),
            [["image", "a b.img", "--out", "x'y.img", "ONE"], ["card", "x'y.img", "/dev/sdX"]],
        ),
        (("IMAGE=a.img",), [["image", "a.img", "--out", "door.img", "ONE"]]),
        (
            ("IMAGE=a.img", "OUT=b.img", "WIFI=the$(touch hacked)"),
            [["image", "a.img", "--out", "b.img", "ONE", "--wifi", "the"]],
        ),
        (("HOST=pi@door",), [["host", "ONE", "--host", "pi@door"]]),
    ],
)
def test_make_flash_passes_on_what_it_is_given_word_by_word(
    tmp_path: Path, words: tuple[str, ...], expected: list[list[str]]
) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "maskgate-flash"
    log = tmp_path / "log"
    program.write_text(
        f"#!/usr/bin/env python3\nimport json, sys\n"
        f"open({str(log)!r}, 'a').write(json.dumps(sys.argv[1:]) + '\\n')\n"
    )
    program.chmod(0o755)
    (tmp_path / "ready").touch()
    site = 'h"q; touch hacked `touch hacked`'
    one = ["--profile", "pi5", "--site", site, "--device-id", "door", "--broker", "b.example"]
    given = ("PROFILE=pi5", f"SITE={site}", "DEVICE_ID=door", "BROKER=b.example")
    done = make("flash", *given, *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    wanted = [
        [part for word in call for part in (one if word == "ONE" else [word])] for call in expected
    ]
    assert calls == wanted
    assert not (ROOT / "hacked").exists()
