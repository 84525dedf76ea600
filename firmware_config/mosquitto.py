"""The files of a Mosquitto broker for a fleet: who may log in, and what each may do.

What is in docs/mosquitto is made by the same functions, for the site hq.
"""

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.errors import MaskGateError
from edge.writing import replacing
from firmware_config.credentials import Credentials
from firmware_config.inventory import Fleet
from firmware_config.logins import COMMANDER, PEOPLE, READER

PLACE = "/etc/mosquitto/maskgate"
"""Where the broker finds its files."""
SECRET = 0o600
PUBLIC = 0o644

_ACL_HEAD = """\
# What each user of the broker may do. The user's name is the device's id ([device] id). A device
# may publish its own and no other's, and may read its own commands alone. Another site needs the
# lines of a site again.
"""
_ACL_SITE = """
# Site {site}.
pattern write maskgate/{site}/%u/status
pattern write maskgate/{site}/%u/alert
pattern write maskgate/{site}/%u/counts
pattern write maskgate/{site}/%u/health
pattern write maskgate/{site}/%u/report
pattern write maskgate/{site}/%u/snapshot/+
pattern write maskgate/{site}/%u/command/+/result/#
pattern read maskgate/{site}/%u/command/+
pattern write homeassistant/device/maskgate-{site}-%u/config
"""
_ACL_PEOPLE = """
# Home Assistant finds the devices, where that is switched on.
pattern read homeassistant/status

# Who watches: reads all, commands nobody. The patterns hold for every user, so it is said that this
# one is no device.
user {reader}
topic read maskgate/#
topic deny maskgate/+/{reader}/#

# Who may command. Leave the third line out where nobody shall.
user {commander}
topic read maskgate/#
topic write maskgate/+/+/command/+
topic readwrite homeassistant/#
topic deny maskgate/+/{commander}/#
"""
_CONFIG = """\
# Mosquitto for MaskGate devices: TLS, a password for everyone, and what each may do.
# Goes to /etc/mosquitto/conf.d/maskgate.conf, the files that it names to {place}.
# A test runs the devices' messages through it.

listener {port}
certfile {place}/broker.pem
keyfile {place}/broker.key
# For devices with certificates of their own, whose CN is then the user's name, add:
#   cafile {place}/devices-ca.pem
#   require_certificate true
#   use_identity_as_username true
tls_version tlsv1.2

allow_anonymous false
password_file {place}/passwords
acl_file {place}/acl

# Retained messages, and alerts for subscribers that are away, survive a restart. Where they are
# kept, Debian's /etc/mosquitto/mosquitto.conf says already, and may be said once only; without it
# that is the folder which the broker is started in.
persistence true
# A picture has some 100 kB; nothing else comes near.
max_packet_size 1000000
# Nobody who stays away fills the memory.
max_queued_messages 10000
"""
_README = """\
A Mosquitto broker (2.0 or later) for MaskGate's devices
=========================================================

For {devices}.
They reach it as {host}, port {port}; its certificate is for {names}.

broker.key and passwords are for the broker alone: copy this folder by a way that nobody reads
along, such as scp, and remove the copy when it is done.

On Debian, Ubuntu, Raspberry Pi OS; the commands are run in this folder
------------------------------------------------------------------------

  sudo apt install mosquitto
  sudo install -d -o root -g mosquitto -m 750 {place}
  sudo install -o mosquitto -g mosquitto -m 400 acl passwords broker.key broker.pem {place}/
  sudo install -m 644 mosquitto.conf /etc/mosquitto/conf.d/maskgate.conf
  sudo systemctl enable mosquitto
  sudo systemctl restart mosquitto

As a container; the commands are run in this folder, which stays where it is
-----------------------------------------------------------------------------

  mkdir -p ~/maskgate-mosquitto
  docker run -d --name maskgate-broker --restart unless-stopped \\
      --user "$(id -u):$(id -g)" -p {port}:{port} \\
      -v "$PWD":{place}:ro -v ~/maskgate-mosquitto:/mosquitto/data -w /mosquitto/data \\
      eclipse-mosquitto:2 mosquitto -c {place}/mosquitto.conf

When a device comes, goes, or gets a new password
--------------------------------------------------

Make this folder anew, and let the broker read it. Who is connected and may not be any more is cut
off; the others stay connected. On Debian:

  sudo install -o mosquitto -g mosquitto -m 400 acl passwords broker.key broker.pem {place}/
  sudo systemctl reload mosquitto

As a container:

  docker kill --signal HUP maskgate-broker

Does it work?
-------------

The users {reader} (reads all) and {commander} (may command as well) have their passwords in
the folder of secrets on the machine that flashes, in the first lines of logins/{reader} and
logins/{commander}. ca.pem is for them: it says whom to take the broker's certificate from.

  export MASKGATE_BROKER__URL=mqtts://{reader}@{url_host}:{port}
  export MASKGATE_BROKER__CA_FILE=ca.pem
  export MASKGATE_BROKER__PASSWORD_FILE=…/logins/{reader}
  maskgate subscribe
"""


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """What was written."""

    folder: Path
    changed: tuple[str, ...]
    """Names of the files that differ from what was there before."""
    left_out: tuple[str, ...]
    """Logins kept among the secrets of devices that the fleet no longer has: not let in."""


def write_broker_files(fleet: Fleet, credentials: Credentials, folder: Path) -> BrokerFiles:
    """Write all that a Mosquitto needs into a folder, each file whole or not at all.

    Args:
        fleet: whose devices are let in, and how the broker is reached.
        credentials: with the passwords, of which the folder gets hashes.
        folder: made if it is not there; what else is in it stays.

    Raises:
        MaskGateError: two devices have one id, the folder cannot be written or is the secrets' own,
            or the secrets fail.
    """
    _require_own_ids(fleet)
    if folder.resolve() == credentials.path.resolve():
        raise MaskGateError(
            f"broker files {folder}: expected another folder than that of the secrets"
        )
    contents = _contents(fleet, credentials)
    try:
        if not folder.exists():
            folder.mkdir(0o700, parents=True)
        changed = [name for name, content in contents.items() if _write(folder / name, content)]
    except OSError as error:
        raise MaskGateError(
            f"broker files {error.filename or folder}: cannot be written ({error.strerror}); "
            "let this user write there, or name another folder"
        ) from error
    left_over = credentials.left_over([device.id for device in fleet.devices])
    return BrokerFiles(folder, tuple(changed), tuple(left_over))


def acl(sites: Sequence[str]) -> str:
    """What each user may do, as Mosquitto's acl_file has it, for the devices of these sites."""
    of_sites = "".join(_ACL_SITE.format(site=site) for site in sites)
    return _ACL_HEAD + of_sites + _ACL_PEOPLE.format(reader=READER, commander=COMMANDER)


def configuration(port: int, place: str = PLACE) -> str:
    """Mosquitto's configuration.

    Args:
        port: to listen on, on all addresses.
        place: folder of the files on the broker's machine.
    """
    return _CONFIG.format(port=port, place=place)


def _contents(fleet: Fleet, credentials: Credentials) -> dict[str, bytes]:
    broker, ids = fleet.broker, sorted(device.id for device in fleet.devices)
    for device in fleet.devices:
        credentials.for_device(device)  # Refuses an id that is a person's login.
    names = list(dict.fromkeys([broker.host, *broker.names]))
    certificate = credentials.for_broker(names)
    logins = {name: credentials.login(name) for name in [*ids, *PEOPLE]}
    sites = sorted({device.site for device in fleet.devices})
    readme = _README.format(
        devices=f"{len(ids)} device{'s' * (len(ids) != 1)}",
        host=broker.host,
        url_host=f"[{broker.host}]" if ":" in broker.host else broker.host,
        port=broker.port,
        names=", ".join(names),
        place=PLACE,
        reader=READER,
        commander=COMMANDER,
    )
    return {
        "mosquitto.conf": configuration(broker.port).encode(),
        "acl": acl(sites).encode(),
        "passwords": "".join(f"{name}:{login.hash}\n" for name, login in logins.items()).encode(),
        "broker.pem": certificate.certificate,
        "broker.key": certificate.key,
        "ca.pem": credentials.ca_pem,
        "README.txt": readme.encode(),
    }


def _require_own_ids(fleet: Fleet) -> None:
    twice = [name for name, count in Counter(d.id for d in fleet.devices).items() if count > 1]
    if twice:
        sites = " and ".join(sorted(d.site for d in fleet.devices if d.id == twice[0]))
        raise MaskGateError(
            f"device {twice[0]}: expected an id of its own, which is its login at the broker, "
            f"found it twice (sites {sites}); give one of them another"
        )


def _write(path: Path, content: bytes) -> bool:
    """Write a file if it differs; the secret ones are this user's alone from the first byte on."""
    mode = SECRET if path.name in {"passwords", "broker.key"} else PUBLIC
    with suppress(FileNotFoundError):
        if path.read_bytes() == content:
            path.chmod(mode)
            return False
    with replacing(path) as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
    path.chmod(mode)  # Not that of a file which it replaced.
    return True
