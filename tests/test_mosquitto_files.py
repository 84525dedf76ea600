"""The broker's files, at a real Mosquitto that is started as their README says."""

import shutil
import ssl
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGHUP

import pytest

from edge.alerting.outbox import Outbox
from edge.config import Broker
from edge.config import Device as DeviceSettings
from edge.config import Outbox as OutboxSettings
from edge.errors import MaskGateError
from edge.mqtt.broker_answer import LostError, RefusedError, UnreachableError
from edge.mqtt.connection import Connection
from edge.mqtt.message import Publication
from edge.mqtt.publisher import Publisher
from edge.mqtt.waker import Waker
from firmware_config.credentials import Credentials, open_credentials
from firmware_config.inventory import Fleet
from firmware_config.logins import hash_password, is_hash_of
from firmware_config.mosquitto import PLACE, acl, configuration, write_broker_files
from tests.brokers import MOSQUITTO, Mosquitto
from tests.conftest import DOCS
from tests.person import Person
from tests.samples import alert
from tests.waiting import wait_until

NORTH, SOUTH, HALL = ("hq", "north-door"), ("hq", "south-door"), ("works", "hall_1")


def fleet(*devices: tuple[str, str], port: int = 8883) -> Fleet:
    return Fleet.model_validate(
        {
            "broker": {"host": "127.0.0.1", "port": port, "names": ["broker.example"]},
            "devices": [{"site": s, "id": i, "profile": "pi5"} for s, i in devices],
        }
    )


@dataclass
class Installed:
    """A Mosquitto as Debian has it, with the files where their README says."""

    folder: Path
    credentials: Credentials
    mosquitto: Mosquitto

    def install(self, *devices: tuple[str, str]) -> None:
        """Make the files for these devices and let the broker read them."""
        files = self.folder / "maskgate"
        write_broker_files(fleet(*devices, port=self.mosquitto.port), self.credentials, files)
        text = (files / "mosquitto.conf").read_text().replace(PLACE, str(files))
        listener = f"listener {self.mosquitto.port}\n"
        assert listener in text
        # Tests listen at the loopback address alone.
        text = text.replace(listener, f"listener {self.mosquitto.port} 127.0.0.1\n")
        (self.folder / "conf.d" / "maskgate.conf").write_text(text)

    def reload(self) -> None:
        self.mosquitto.signal(SIGHUP)

    def settings(self, user: str, password: str | None = None) -> Broker:
        """How somebody connects, with the password that is theirs or with another."""
        secret = self.folder / f"{user}.password"
        secret.touch(0o600)
        secret.write_text(password or self.credentials.login(user).password)
        ca = self.folder / "maskgate" / "ca.pem"
        url = f"mqtts://{user}@127.0.0.1:{self.mosquitto.port}"
        return Broker(url=url, password_file=secret, ca_file=ca)

    def refusal(self, user: str, *topics: str, password: str | None = None) -> list[bool]:
        """Whether the broker refuses what a user publishes on these topics."""
        refused = []
        connection = Connection(self.settings(user, password), f"as-{user}")
        with closing(Waker()) as waker:
            try:
                connection.open(waker)
                for topic in topics:
                    connection.publish(Publication(topic, "x"))
                    while not connection.acknowledged:
                        connection.step(5, waker)
                    refused.append(connection.acknowledged.pop().refusal is not None)
            finally:
                connection.drop()
        return refused


@contextmanager
def started(folder: Path) -> Iterator[Installed]:
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    (folder / "conf.d").mkdir()
    mosquitto = Mosquitto(folder)
    # As in Debian's /etc/mosquitto/mosquitto.conf; what stands there may not be said again.
    (folder / "mosquitto.conf").write_text(
        f"persistence true\npersistence_location {folder}/\nuser root\n"
        f"include_dir {folder}/conf.d\n"
    )
    made = Installed(folder, open_credentials(folder / "secrets"), mosquitto)
    made.install(NORTH, SOUTH, HALL)
    mosquitto.start()
    made.refusal("viewer")  # It listens a moment before a SIGHUP no longer ends it.
    yield made
    mosquitto.stop()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """A broker for tests that change nothing."""
    with started(tmp_path_factory.mktemp("broker")) as made:
        yield made


@pytest.fixture
def changing(first: Installed, tmp_path: Path) -> Iterator[Installed]:
    """A broker for one test. Copied: each file made anew takes the disk its time."""
    for name in ("secrets", "maskgate"):
        shutil.copytree(first.folder / name, tmp_path / name)
    with started(tmp_path) as made:
        yield made


@pytest.fixture
def credentials(first: Installed, tmp_path: Path) -> Credentials:
    return open_credentials(shutil.copytree(first.folder / "secrets", tmp_path / "secrets"))


def test_a_device_publishes_its_own_and_no_other_s(first: Installed):
    expected = {
        "maskgate/hq/north-door/status": False,
        "maskgate/hq/north-door/alert": False,
        "maskgate/hq/north-door/snapshot/entrance": False,
        "homeassistant/device/maskgate-hq-north-door/config": False,
        "maskgate/hq/north-door/command/pause": True,
        "maskgate/hq/south-door/alert": True,
        "maskgate/works/hall_1/alert": True,
        "homeassistant/device/maskgate-hq-south-door/config": True,
    }
    assert dict(zip(expected, first.refusal("north-door", *expected), strict=True)) == expected
    assert first.refusal("hall_1", "maskgate/works/hall_1/alert") == [False]


def test_people_are_no_devices(first: Installed):
    for user, may_command in (("viewer", False), ("home-assistant", True)):
        expected = {
            f"maskgate/hq/{user}/alert": True,
            f"maskgate/hq/{user}/status": True,
            "maskgate/hq/north-door/alert": True,
            "maskgate/hq/north-door/command/pause": not may_command,
        }
        assert dict(zip(expected, first.refusal(user, *expected), strict=True)) == expected


def test_an_alert_of_a_device_reaches_the_viewer(first: Installed, tmp_path: Path):
    viewer = Person(
        first.settings("viewer"),
        "viewer",
        first.credentials.login("viewer").password,
        "maskgate/hq/north-door",
    )
    with closing(Outbox(OutboxSettings(path=tmp_path / "outbox"))) as outbox:
        device = DeviceSettings(site="hq", id="north-door")
        publisher = Publisher(first.settings("north-door"), device, outbox)
        publisher.start()
        outbox.add(alert(1))
        publisher.notify()
        assert publisher.wait_until_delivered(10)
        wait_until(lambda: len(viewer.on("alert")) == 1)
        publisher.stop()
    viewer.close()


@pytest.mark.parametrize(
    ("user", "password_of"),
    [("north-door", "south-door"), ("stranger", "north-door"), ("north-door", None)],
)
def test_a_login_that_is_not_theirs_is_refused(
    first: Installed, user: str, password_of: str | None
):
    password = first.credentials.login(password_of).password if password_of else "guess"
    with pytest.raises(RefusedError):
        first.refusal(user, password=password)


def test_an_old_password_is_refused_after_rotation_and_the_new_one_taken(changing: Installed):
    old = changing.credentials.login("north-door").password
    changing.credentials.rotate("north-door")
    changing.install(NORTH, SOUTH, HALL)
    changing.reload()
    wait_until(lambda: is_refused(changing, "north-door", old))
    assert changing.refusal("north-door", "maskgate/hq/north-door/alert") == [False]
    assert changing.refusal("south-door", "maskgate/hq/south-door/alert") == [False]


def test_a_device_that_left_the_fleet_is_cut_off_and_refused_and_the_others_stay(
    changing: Installed,
):
    removed = changing.credentials.login("south-door").password
    with closing(Waker()) as waker:
        gone, kept = (
            Connection(changing.settings(user), f"as-{user}")
            for user in ("south-door", "north-door")
        )
        for connection in (gone, kept):
            connection.open(waker)
        changing.install(NORTH, HALL)
        changing.reload()
        with pytest.raises((LostError, RefusedError, UnreachableError)):
            step_on(gone, waker)
        kept.publish(Publication("maskgate/hq/north-door/alert", "x"))
        while not kept.acknowledged:
            kept.step(5, waker)
        kept.drop()
    assert is_refused(changing, "south-door", removed)


def step_on(connection: Connection, waker: Waker) -> None:
    while True:
        connection.step(5, waker)


def is_refused(installed: Installed, user: str, password: str) -> bool:
    try:
        installed.refusal(user, password=password)
    except RefusedError:
        return True
    return False


def test_a_renewed_certificate_is_shown_after_a_reload(changing: Installed):
    (changing.folder / "secrets" / "broker.pem").unlink()
    (changing.folder / "secrets" / "broker.key").unlink()
    changing.install(NORTH, SOUTH, HALL)
    changing.reload()
    shown = (changing.folder / "maskgate" / "broker.pem").read_text()
    address = ("127.0.0.1", changing.mosquitto.port)
    wait_until(lambda: ssl.get_server_certificate(address) == shown)
    assert changing.refusal("north-door", "maskgate/hq/north-door/alert") == [False]


def test_nothing_in_the_files_is_a_password(credentials: Credentials, tmp_path: Path):
    write_broker_files(fleet(NORTH, SOUTH), credentials, tmp_path / "files")
    everything = b"".join(path.read_bytes() for path in (tmp_path / "files").iterdir())
    for name in ("north-door", "south-door", "viewer", "home-assistant"):
        assert credentials.login(name).password.encode() not in everything
    assert b"PRIVATE KEY" not in everything.replace(
        (tmp_path / "files" / "broker.key").read_bytes(), b""
    )


def test_made_again_the_files_are_the_same_to_the_byte(credentials: Credentials, tmp_path: Path):
    written = [
        write_broker_files(
            fleet(*devices), open_credentials(credentials.path), tmp_path / "files"
        ).changed
        for devices in ((NORTH, HALL), (HALL, NORTH), (NORTH,))
    ]
    assert len(written[0]) == 7
    assert written[1] == ()
    assert written[2] == ("acl", "passwords", "README.txt")


def test_secret_files_are_the_user_s_alone(credentials: Credentials, tmp_path: Path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "passwords").write_text("old")
    (folder / "passwords").chmod(0o644)
    write_broker_files(fleet(NORTH), credentials, folder)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert {name for name, mode in modes.items() if mode == 0o600} == {"passwords", "broker.key"}


def test_logins_of_devices_that_left_are_named(credentials: Credentials, tmp_path: Path):
    write_broker_files(fleet(NORTH, SOUTH), credentials, tmp_path / "files")
    written = write_broker_files(fleet(NORTH, HALL), credentials, tmp_path / "files")
    assert written.left_out == ("south-door",)
    assert "south-door" not in (tmp_path / "files" / "passwords").read_text()


def test_ids_that_would_share_a_login_are_refused(credentials: Credentials, tmp_path: Path):
    with pytest.raises(MaskGateError, match=r"north-door: .* twice \(sites hq and works\)"):
        write_broker_files(fleet(NORTH, ("works", "north-door")), credentials, tmp_path / "files")
    assert not (tmp_path / "files").exists()


def test_the_folder_of_secrets_is_no_place_for_them(credentials: Credentials):
    with pytest.raises(MaskGateError, match="another folder than that of the secrets"):
        write_broker_files(fleet(NORTH), credentials, credentials.path)


@pytest.mark.parametrize(
    ("name", "made"),
    [("acl", lambda: acl(["hq"])), ("mosquitto.conf", lambda: configuration(8883))],
)
def test_the_documented_files_are_those_that_are_made(name: str, made: Callable[[], str]):
    assert (DOCS / "mosquitto" / name).read_text() == made()


def test_hashes_are_those_of_mosquitto_passwd(tmp_path: Path):
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    file = tmp_path / "passwords"
    file.touch(0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(file), "x", "tür"], check=True)
    theirs = file.read_text().strip().removeprefix("x:")
    assert is_hash_of(theirs, "tür")
    assert not is_hash_of(theirs, "tuer")
    assert hash_password("tür") != hash_password("tür")
