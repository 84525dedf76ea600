"""Makes the image of one device out of the image of a system."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from edge.errors import MaskGateError
from edge.writing import sync
from firmware_config.image.ext4 import Root
from firmware_config.image.fat import Boot
from firmware_config.image.partitions import Layout, find_partitions
from firmware_config.image.provisioning import PAYLOAD, provisioning
from firmware_config.image.system import ImageSystem, read_system, require_fit
from firmware_config.image.unpacking import unpack
from firmware_config.inventory import Device
from firmware_config.profile import Profile


def system_of(image: Path) -> ImageSystem:
    """Find out which system is in an image; a packed one is unpacked for it, which takes a minute.

    Raises:
        MaskGateError: it is no image of a system, or is damaged.
    """
    with _unpacked(image, Path(tempfile.gettempdir())) as raw:
        layout = find_partitions(raw, image)
        return read_system(Root(raw, layout.root, image), image)


def prepare_image(
    image: Path,
    out: Path,
    payload: Callable[[ImageSystem], Path],
    device: Device,
    profile: Profile,
) -> ImageSystem:
    """Make an image that sets one device up at its first boot.

    The same input gives the same bytes. It is written beside OUT, verified, and then takes its
    place; when something fails nothing is left.

    Args:
        image: of a system, packed or not; it stays as it is.
        out: where to; what is there is replaced. It holds the device's secrets: only its owner
            may read it.
        payload: makes the device's payload, a tar, for the system that was found.
        device: whose image it will be.
        profile: what kind of device.

    Returns:
        The system in it.

    Raises:
        MaskGateError: the image is none, is damaged, or does not fit the profile; a value of the
            device is wrong; there is no room; or what was written reads back otherwise.
    """
    if out.exists() and (out.samefile(image) or not out.is_file()):
        raise MaskGateError(
            f"OUT {out}: expected the name of a file beside the image; name another"
        )
    with _unpacked(image, out.parent) as raw:
        layout = find_partitions(raw, image)
        root = Root(raw, layout.root, image)
        found = read_system(root, image)
        system = require_fit(found, profile, image)
        with _boot_partition(raw, layout, image) as boot:
            sound = boot.is_sound()
            files = provisioning(boot, system, device, profile)
            tar = payload(found)
            boot.put({PAYLOAD: tar, **files})
            boot.put_back(raw, layout.boot)
        click.echo("verifying what was written", err=True)
        with _boot_partition(raw, layout, image) as written:
            written.require({PAYLOAD: tar, **files})
            # What was there before is not this program's fault, and the system bears with it.
            if sound and not written.is_sound():
                raise MaskGateError(
                    f"image {image}: its boot partition is damaged after writing; use another "
                    "disk for OUT"
                )
        root.check()
        sync(raw)
        raw.replace(out)
    sync(out.parent)
    return found


@contextmanager
def _unpacked(image: Path, folder: Path) -> Iterator[Path]:
    """A raw image in a folder, which is gone afterwards, unless it was renamed."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=".maskgate-", suffix=".img", dir=folder)
    except OSError as error:
        raise MaskGateError(
            f"folder {folder}: it cannot be written ({error.strerror}); make it, or name another "
            "OUT"
        ) from error
    os.close(descriptor)
    raw = Path(name)
    try:
        unpack(image, raw)
        yield raw
    except OSError as error:
        raise MaskGateError(
            f"OUT in {folder}: it cannot be written ({error.strerror or error}); make room, or "
            "name another OUT"
        ) from error
    finally:
        raw.unlink(missing_ok=True)


@contextmanager
def _boot_partition(raw: Path, layout: Layout, image: Path) -> Iterator[Boot]:
    with tempfile.TemporaryDirectory(prefix=".maskgate-", dir=raw.parent) as folder:
        yield Boot.taken_out(raw, layout.boot, Path(folder) / "boot.fat", image)
