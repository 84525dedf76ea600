"""A site with one device: its broker on this machine, and what was flashed for it."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from firmware_config.inventory import ADMIN
from firmware_config.logins import READER
from firmware_config.mosquitto import configuration
from tests.brokers import Listener, Mosquitto
from tests.image_test.machine import HOST, Machine, has_ssh

DEVICE = "north-door"
# The outbox is locked while the device runs, so a copy is looked into.
WAITING = """
import json, shutil, sqlite3, tempfile
from pathlib import Path
with tempfile.TemporaryDirectory() as folder:
    for file in Path("/var/lib/maskgate").glob("outbox.sqlite*"):
        shutil.copy(file, folder)
    outbox = sqlite3.connect(f"{folder}/outbox.sqlite")
    rows = outbox.execute("SELECT alert FROM waiting ORDER BY sequence").fetchall()
alerts = [json.loads(alert) for alert, in rows]
print(json.dumps([f'{alert["violation"]}.{alert["state"]}' for alert in alerts]))
"""
IS_READ_ONLY = "sudo test ! -w / && echo yes"
FLASH = "from firmware_config.cli import main; main()"
# The hardest that a system can be asked for: everything after the first boot is on top of it.
PROFILE = """
inherits = "pi4"

[boot]
read_only_root = true
"""
FLEET = """
secrets = "secrets"

[broker]
host = "{host}"
port = {port}
names = ["127.0.0.1"]

[[devices]]
site = "hq"
id = "{device}"
profile = "door.toml"
source = "http://{host}:{street}/"
ssh_keys = ["{key}"]

# The processor is emulated: there is nothing to measure, and few frames are seen.
[devices.settings.detector]
accelerator = "cpu"
threads = 1
min_face = 60

[devices.settings.decision]
min_votes = 3

[devices.settings.classifier]
accelerator = "cpu"
threads = 1
"""


@dataclass
class Site:
    """What there is outside of the device."""

    folder: Path
    broker: Mosquitto
    key: Path
    """Lets its owner in on the device."""
    listeners: list[Listener] = field(default_factory=list)

    def flash(self, *words: object) -> None:
        """Run `maskgate-flash`, as from the command line."""
        done = subprocess.run(
            [sys.executable, "-c", FLASH, *map(str, words)],
            cwd=self.folder, capture_output=True, text=True, check=False,
            env={name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def open_broker(self) -> None:
        """Start the broker with the files that were made for it, and listen to it."""
        self.broker.start()
        login = (self.folder / "secrets" / "logins" / READER).read_text().splitlines()[0]
        settings = self.broker.settings.model_copy(
            update={
                "url": f"mqtts://{READER}@127.0.0.1:{self.broker.port}",
                "ca_file": self.folder / "broker" / "ca.pem",
            }
        )
        # The broker keeps for it what comes while it is away.
        self.listeners.append(Listener(settings, login, session="image-test"))

    def run(self, device: Machine, command: str) -> str:
        """Run a command on the device, as who administers it; its output."""
        return device.run(command, ADMIN, self.key)

    def is_read_only(self, device: Machine) -> bool:
        """Whether the device's system is; not while nobody can ask it."""
        if not has_ssh(device.ssh_port):
            return False
        try:
            said = device.run(IS_READ_ONLY, ADMIN, self.key, check=False)
        except subprocess.TimeoutExpired:  # It is switching itself off.
            return False
        return said == "yes\n"

    def waiting(self, device: Machine) -> list[str]:
        """Ids of the alerts in the device's outbox, in order."""
        found: list[str] = json.loads(self.run(device, f"sudo python3 - <<'END'{WAITING}END"))
        return found

    def broker_log(self) -> str:
        """What the broker has logged."""
        return (self.folder / "mosquitto.log").read_text()

    def statuses(self) -> list[str]:
        """What the device was, in order."""
        return self.listeners[0].payloads("status")

    def alerts(self) -> list[str]:
        """Ids of the alerts that have arrived, in order."""
        return [json.loads(payload)["id"] for payload in self.listeners[0].payloads("alert")]


@contextlib.contextmanager
def site(folder: Path, street: int) -> Iterator[Site]:
    """A site whose device looks through the camera at a port of this machine."""
    place = folder / "broker"
    options = [
        line
        for line in configuration(0, str(place)).splitlines()
        if not line.startswith("listener")  # It listens to this machine alone.
    ]
    broker = Mosquitto(folder, *options, f"persistence_location {folder}/", tls=True)
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text().strip()
    (folder / "door.toml").write_text(PROFILE)
    (folder / "fleet.toml").write_text(
        FLEET.format(host=HOST, port=broker.port, device=DEVICE, street=street, key=public)
    )
    made = Site(folder, broker, key)
    try:
        yield made
    finally:
        for listener in made.listeners:
            listener.close()
        broker.stop()
