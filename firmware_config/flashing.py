"""Sets devices up: one by an image or over ssh, or all of an inventory."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.errors import MaskGateError
from firmware_config.inventory import Device, Fleet
from firmware_config.profile import Profile, System, load_profile

Tell = Callable[[str], None]
"""Is told what happens, a line each."""


def flash_image(fleet: Fleet, device: Device, image: Path, out: Path, tell: Tell) -> str:
    """Make an image that sets the device up at its first boot.

    Args:
        fleet: its broker and secrets.
        device: whose image it will be.
        image: of a system, as it was downloaded; it stays as it is.
        out: where to; it holds the device's secrets.
        tell: is told what needs attention.

    Returns:
        What was done, a line.

    Raises:
        MaskGateError: the image, the device or its profile is not fit for it; nothing is left.
    """
    from firmware_config.image import ImageSystem, prepare_image

    profile = load_profile(device.profile)
    if not device.ssh_keys:
        tell(f"{device.id}: it has no public key of anybody (ssh_keys), so nobody can log in on it")

    with _folder() as folder:

        def payload(found: ImageSystem) -> Path:
            system = profile.system_with(found.python)
            return _packed(fleet, device, profile, system, found.machine, folder)

        found = prepare_image(image, out, payload, device, profile)
    return f"{out}: {found.title} for {device.id}; write it to a card"


def flash_host(fleet: Fleet, device: Device) -> tuple[str, bool]:
    """Set the device up over ssh, or bring it up to date.

    Args:
        fleet: its broker and secrets.
        device: with the host that it is.

    Returns:
        What was done, a line or more; and False where it went back to what ran before.

    Raises:
        MaskGateError: it cannot be reached, does not fit its profile, or cannot be set up.
    """
    from firmware_config.host import ask_host, deploy, fit

    profile = load_profile(device.profile)
    host = require_host(device)
    facts = ask_host(host)
    system = fit(profile, facts)
    with _folder() as folder:
        payload = _payload(fleet, device, profile, system, facts.machine, folder)
        outcome = deploy(host, payload)
    return str(outcome), outcome.exit_code == 0


def require_host(device: Device) -> str:
    """The host of a device.

    Raises:
        MaskGateError: none is known.
    """
    if device.host is None:
        raise MaskGateError(
            f"device {device.id}: no host is given; give --host, or host in the inventory, e.g. "
            f"pi@{device.hostname}.local"
        )
    return device.host


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one device of many."""

    device: str
    done: bool
    says: str
    """What was done, or why not."""


def flash_fleet(fleet: Fleet, image: Path | None, out: Path, tell: Tell) -> Iterator[Result]:
    """Set up all devices, each on its own: over ssh where a host is known, by an image otherwise.

    Args:
        fleet: the devices.
        image: of a system, for devices without a host.
        out: folder of their images, made if needed.
        tell: is told what needs attention.

    Yields:
        What became of each device, in the order of the fleet; one that fails stops no other.
    """
    for number, device in enumerate(fleet.devices, 1):
        tell(f"{device.id} ({number} of {len(fleet.devices)})")
        try:
            says, done = _flash(fleet, device, image, out, tell)
        except MaskGateError as error:
            says, done = str(error), False
        yield Result(device.id, done, says)


def _flash(
    fleet: Fleet, device: Device, image: Path | None, out: Path, tell: Tell
) -> tuple[str, bool]:
    if device.host:
        return flash_host(fleet, device)
    if image is None:
        raise MaskGateError(
            f"device {device.id}: it has no host, so it needs an image; give --image, or host in "
            "the inventory"
        )
    try:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise MaskGateError(
            f"folder {out}: it cannot be made ({error.strerror}); name another by --out"
        ) from error
    return flash_image(fleet, device, image, out / f"{device.id}.img", tell), True


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that nobody else reads, for the secrets on their way; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="maskgate-flash-") as folder:
        yield Path(folder)


def _payload(
    fleet: Fleet, device: Device, profile: Profile, system: System, machine: str, folder: Path
) -> Path:
    """The payload's folder."""
    from firmware_config.credentials import open_credentials
    from firmware_config.payload import build_payload
    from firmware_config.pins import Target

    target = Target(python=system.python, machine=machine, constraints=system.constraints)
    credentials = open_credentials(fleet.secrets)
    return build_payload(fleet, device, profile, target, credentials, folder / "payload")


def _packed(
    fleet: Fleet, device: Device, profile: Profile, system: System, machine: str, folder: Path
) -> Path:
    """The payload as a tar."""
    from firmware_config.payload import pack

    tar = folder / "payload.tar"
    pack(_payload(fleet, device, profile, system, machine, folder), tar)
    return tar
