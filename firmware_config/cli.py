"""maskgate-flash: from an empty card to a device that watches, and many of them."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge import __version__
from edge.errors import CommandGroup, MaskGateError

if TYPE_CHECKING:
    from firmware_config.inventory import Device, Fleet

PATH = click.Path(path_type=Path)
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
_OF_A_DEVICE: tuple[Decorator, ...] = (
    click.option(
        "--fleet", "inventory", type=PATH, metavar="FLEET.toml", help="The inventory it is in."
    ),
    click.option("--device", metavar="ID", help="Which device of the inventory."),
    click.option("--profile", metavar="NAME", help="Its profile, or a file; see `profiles`."),
    click.option("--site", metavar="NAME", help="The building."),
    click.option("--device-id", metavar="NAME", help="The device."),
    click.option(
        "--broker",
        metavar="HOST[:PORT]",
        help="The broker that it reports to, by TLS; this machine when not given.",
    ),
    click.option(
        "--secrets",
        type=PATH,
        metavar="FOLDER",
        help="Folder of keys and passwords, made at the first use; 'secrets' when not given.",
    ),
)
_OF_ITS_SETTINGS: tuple[Decorator, ...] = (
    click.option("--source", metavar="SRC", help="What it watches; else its profile's camera."),
    click.option("--config", type=PATH, help="Its settings that differ (TOML)."),
)
_OF_ITS_SYSTEM: tuple[Decorator, ...] = (
    click.option("--hostname", metavar="NAME", help="Its own name; from its id when not given."),
    click.option("--wifi", metavar="SSID", help="The wireless network that it joins."),
    click.option(
        "--wifi-password-file", type=PATH, help="File whose first line is that network's password."
    ),
    click.option("--wifi-country", metavar="CC", help="Whose radio rules hold, e.g. DE."),
    click.option(
        "--ssh-key",
        type=PATH,
        multiple=True,
        metavar="FILE.pub",
        help="Public key of who may log in; may be given again.",
    ),
    click.option("--user", metavar="NAME", help="Who logs in; maskgate-admin when not given."),
    click.option("--timezone", metavar="ZONE", help="E.g. Europe/Berlin."),
)
_HOST: Decorator = click.option(
    "--host", metavar="[USER@]HOST[:PORT]", help="Where it is, as ssh takes it."
)


@click.group(cls=CommandGroup)
@click.version_option(__version__, prog_name="maskgate-flash")
def main() -> None:
    """Set up devices: an image for a card, or over ssh; and the files of their broker."""


def about_a_device(*more: Decorator) -> Decorator:
    """Give a command the options that name a device of an inventory, or describe one.

    It gets the fleet and the device; None for that where an inventory is given and no --device.

    Args:
        more: options that describe it further, each a field of one_device.Options.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., Any]:
        @functools.wraps(command)
        def chosen(*, inventory: Path | None, device: str | None, **given: Any) -> None:
            from firmware_config.choosing import choose
            from firmware_config.one_device import Options

            described = {name: given.pop(name) for name in Options.__slots__ if name in given}
            command(*choose(inventory, device, Options(**described), _tell), **given)

        decorated: Callable[..., Any] = chosen
        for option in reversed((*_OF_A_DEVICE, *more)):
            decorated = option(decorated)
        return decorated

    return decorate


@main.command()
def profiles() -> None:
    """List the profiles."""
    from edge.show.table import table_lines
    from firmware_config.profile import load_profile, profile_names

    found = [load_profile(name) for name in profile_names()]
    rows = [
        (
            one.name,
            one.description,
            ", ".join(f"{system.name} (Python {system.python})" for system in one.os)
            or "any with Python 3.10 to 3.13",
            one.machine or "aarch64, x86_64",
            "yes" if any(system.provisioning for system in one.os) else "no",
        )
        for one in found
    ]
    for line in table_lines(("profile", "what it is", "systems", "processor", "image"), rows):
        click.echo(line)


@main.command()
@click.argument("image", type=PATH)
@click.option("--out", type=PATH, required=True, metavar="FILE.img", help="Where to write it.")
@about_a_device(*_OF_ITS_SETTINGS, *_OF_ITS_SYSTEM)
def image(fleet: "Fleet", device: "Device | None", *, image: Path, out: Path) -> None:
    """Make an image that sets one device up at its first boot.

    IMAGE is one of Raspberry Pi OS (64 bit), as it was downloaded; it stays as it is. What is made
    holds the device's secrets: write it to a card, then remove it.
    """
    from firmware_config.choosing import require_device
    from firmware_config.flashing import flash_image

    click.echo(flash_image(fleet, require_device(device, fleet), image, out, _tell))
    _tell_of_broker(fleet)


@main.command()
@click.argument("image", type=PATH)
@click.argument("card", type=PATH)
def card(*, image: Path, card: Path) -> None:
    """Write an image to a card, after showing what would be erased.

    IMAGE is one that `image` has made, CARD the card's device, such as /dev/sdX. Its name has to be
    typed again.
    """
    from firmware_config.card import write_card

    write_card(image, card)


@main.command()
@about_a_device(*_OF_ITS_SETTINGS, _HOST)
def host(fleet: "Fleet", device: "Device | None") -> None:
    """Set one device up over ssh, or bring it up to date; its outbox stays.

    Ends with code 3 if the device went back to what ran before.
    """
    from firmware_config.choosing import require_device
    from firmware_config.flashing import flash_host

    says, done = flash_host(fleet, device := require_device(device, fleet))
    click.echo(f"{device.id}: {says}")
    _tell_of_broker(fleet)
    if not done:
        sys.exit(3)


@main.command(name="fleet")
@click.argument("inventory", type=PATH)
@click.option(
    "--image", type=PATH, metavar="FILE", help="Image of Raspberry Pi OS, for those without a host."
)
@click.option(
    "--out",
    type=PATH,
    default=Path("images"),
    show_default=True,
    metavar="FOLDER",
    help="Where their images go.",
)
def flash_all(*, inventory: Path, image: Path | None, out: Path) -> None:
    """Set up all devices of an inventory: over ssh where it names their host, by images otherwise.

    One that fails stops no other; it is named at the end, with code 2.
    """
    from firmware_config.flashing import flash_fleet
    from firmware_config.inventory import load_fleet

    fleet = load_fleet(inventory)
    failed = []
    for result in flash_fleet(fleet, image, out, _tell):
        if result.done:
            click.echo(f"{result.device}: {result.says}")
        else:
            _tell(f"{result.device}: failed")
            failed.append(result)
    _tell_of_broker(fleet)
    if failed:
        count = f"{len(failed)} of {len(fleet.devices)} devices failed"
        reasons = (f"  {one.device}: {one.says}" for one in failed)
        raise MaskGateError("\n".join([f"fleet {inventory}: {count}", *reasons]))


@main.command()
@click.argument("host", required=False, metavar="[[USER@]HOST[:PORT]]")
@click.option("--fleet", "inventory", type=PATH, metavar="FLEET.toml", help="The inventory.")
@click.option("--device", metavar="ID", help="Which device of the inventory.")
@click.option("--purge", is_flag=True, help="Remove alerts that wait in its outbox, too.")
def remove(*, host: str | None, inventory: Path | None, device: str | None, purge: bool) -> None:
    """Take MaskGate from a device over ssh: its service, program, settings and secrets.

    HOST, or the host of a device in an inventory. Alerts that wait stay there without --purge.
    """
    from firmware_config.choosing import find_device
    from firmware_config.flashing import require_host
    from firmware_config.inventory import load_fleet

    if (host is None) == (inventory is None) or (inventory is None) != (device is None):
        raise click.UsageError("give either HOST, or --fleet FILE and --device ID")
    if inventory is not None and device is not None:
        host = require_host(find_device(load_fleet(inventory), device))
    from firmware_config.host import remove as remove_from

    outcome = remove_from(str(host), purge=purge)
    click.echo(outcome)
    if outcome.exit_code:
        sys.exit(outcome.exit_code)


@main.command()
@click.option(
    "--out", type=PATH, required=True, metavar="FOLDER", help="Folder to write the files to."
)
@click.option("--rotate", metavar="ID", multiple=True, help="Give this login a new password.")
@click.option("--forget", metavar="ID", multiple=True, help="Remove a login for good.")
@about_a_device()
def broker(
    fleet: "Fleet",
    device: "Device | None",
    *,
    out: Path,
    rotate: tuple[str, ...],
    forget: tuple[str, ...],
) -> None:
    """Make the files of a Mosquitto for all devices of an inventory, or for one.

    Certificate, passwords, who may do what, and how to start it (README.txt).
    """
    from firmware_config.credentials import open_credentials
    from firmware_config.mosquitto import write_broker_files

    if device and len(fleet.devices) > 1:
        raise click.UsageError("the broker lets all devices of an inventory in; omit --device")
    still = sorted({device.id for device in fleet.devices} & {*forget})
    if still:
        raise click.UsageError(f"--forget {still[0]}: it is in the inventory; --rotate it instead")
    credentials = open_credentials(fleet.secrets)
    for name in rotate:
        credentials.rotate(name)
    for name in forget:
        credentials.forget(name)
    written = write_broker_files(fleet, credentials, out)
    for name in rotate:
        _tell(f"{name}: it has a new password; give it its files, too, when the broker has its own")
    for name in written.left_out:
        _tell(
            f"{name}: it is in no inventory any more, so the broker does not let it in; --forget "
            f"{name} removes its password"
        )
    changed = ", ".join(written.changed) or "nothing changed"
    click.echo(f"{written.folder}: {changed}; README.txt says how to start the broker")


def _tell_of_broker(fleet: "Fleet") -> None:
    _tell(
        f"the broker {fleet.broker.host} must know whom it lets in: `maskgate-flash broker` makes "
        "its files"
    )


def _tell(line: str) -> None:
    click.echo(line, err=True)
