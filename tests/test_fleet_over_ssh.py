"""A whole inventory over ssh: each host an sshd in a system of its own, a copy of this one's."""

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from firmware_config import payload
from firmware_config.cli import main
from firmware_config.ssh import COMMAND_VARIABLE
from tests import installs
from tests.installs import small_wheels
from tests.over_this_system import needs_overlay, words_over_this_system
from tests.sshd import SSHD, SYSTEMCTL, Sshd

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SSHD is None, reason="needs openssh-server"),
    needs_overlay,
]
FLEET = """
[broker]
host = "broker.example"
[defaults]
site = "hq"
profile = "generic"
"""


class Host(Sshd):
    """A system with an sshd, and a systemctl that behaves as told."""

    def __init__(self, folder: Path) -> None:
        """Make keys and settings; the folder is seen there at the same place."""
        super().__init__(folder, Path("/"))
        self.place("stands_in", installs.SYSTEMCTL.split("\n", 1)[1])
        does = SYSTEMCTL.replace("esac", f'*) exec {self.programs / "stands_in"} "$@";;\nesac')
        self.place("systemctl", does)
        (self.programs / "root").symlink_to("/")

    @property
    def files(self) -> Path:
        """Its root folder, as it is seen from here while it runs."""
        assert self._process
        return Path(f"/proc/{self._process.pid}/root")

    @property
    def runs(self) -> str:
        """Id of the payload that runs."""
        return (self.files / "opt/maskgate/current").readlink().name

    def _words(self) -> list[str]:
        (place := self.folder / "place").mkdir(exist_ok=True)
        here = shlex.quote(str(self.folder))
        words = shlex.join(super()._words())
        commands = f"mkdir -p {here}; mount --bind /boot/firmware {here}; exec {words}"
        return words_over_this_system(place, self.folder, commands)


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Host, Host]]:
    """Two that let the same user in; what is installed there are small wheels."""
    north, south = Host(tmp_path / "north"), Host(tmp_path / "south")
    key = (north.folder / "user_key.pub").read_bytes()
    (south.folder / "authorized_keys").write_bytes(key)
    monkeypatch.setenv(COMMAND_VARIABLE, north.environment[COMMAND_VARIABLE])
    wheels = small_wheels(tmp_path)
    monkeypatch.setattr(payload, "fetch_wheels", lambda _target: wheels)
    for host in (north, south):
        host.start()
    yield north, south
    for host in (north, south):
        host.stop()


@pytest.fixture
def flash(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Flash an inventory of devices, each with its host and its settings."""

    def run(**devices: tuple[str, str]) -> tuple[int, str]:
        lines = [
            f"[[devices]]\nid = '{name}'\nhost = '{host}'\nsource = '{source}'\n"
            for name, (host, source) in devices.items()
        ]
        (tmp_path / "fleet.toml").write_text(FLEET + "".join(lines))
        done = CliRunner().invoke(main, ["fleet", str(tmp_path / "fleet.toml")])
        return done.exit_code, done.output

    return run


def test_every_host_gets_what_is_its_own_later_what_differs_and_the_failed_are_named(
    hosts: tuple[Host, Host], flash: Callable[..., tuple[int, str]]
) -> None:
    north, south = hosts
    away = ("root@127.0.0.1:9", "demo")
    code, said = flash(north=(north.host, "demo"), away=away, south=(south.host, "demo"))
    assert code == 2
    assert "1 of 3 devices failed\n  away: host root@127.0.0.1:9: it is there, but" in said
    passwords = set()
    for name, host in (("north", north), ("south", south)):
        assert f"{name}: {host.host}: done" in said
        settings = (host.files / "etc/maskgate/maskgate.toml").read_text()
        assert settings.startswith(f"# MaskGate on {name} (hq)")
        passwords.add((host.files / "etc/maskgate/password").read_text())
        assert "maskgate:" in (host.files / "etc/passwd").read_text()
    assert len(passwords) == 2

    first = south.runs
    code, said = flash(north=(north.host, "demo"), south=(south.host, "/dev/video1"))
    assert code == 0, said
    assert f"north: {north.host}: nothing to do" in said
    assert f"south: {south.host}: done" in said
    assert (second := south.runs) != first

    (south.programs / "bad").write_text(f"{first}\n")
    code, said = flash(south=(south.host, "demo"), north=(north.host, "demo"))
    assert code == 2
    assert f"1 of 2 devices failed\n  south: {south.host}: " in said, said
    assert f"north: {north.host}: nothing to do" in said
    assert south.runs == second
    assert "/dev/video1" in (south.files / "etc/maskgate/maskgate.toml").read_text()
