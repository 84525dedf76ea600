"""Devices whose bundles are updated, for the tests."""

import os
import shutil
from pathlib import Path

from edge.bundle import load_bundle
from edge.config import Settings
from edge.updates.current import with_updates
from edge.updates.probation import FRAMES, Probation
from tests.bundles import copy_of, rewrite, sign, trusting, zipped


def signed_device(folder: Path, key: Path) -> Settings:
    """A device whose detector and classifier are signed copies of those that ship."""
    for name in ("maskgate", "compact"):
        sign(copy_of(name, folder / name), key)
    return trusting(
        folder,
        key,
        detector={"bundle": folder / "maskgate"},
        classifier={"bundle": folder / "compact"},
    )


def newer(folder: Path, key: Path, version: str, name: str = "compact", **fields: object) -> Path:
    """A signed zip of a bundle that ships, under another version."""
    place = copy_of(name, folder / f"{name}-{version}")
    rewrite(place, version=version, **fields)
    sign(place, key)
    zip_file = zipped(place)
    shutil.rmtree(place)
    return zip_file


def runs(settings: Settings) -> tuple[str, str]:
    """The versions of the detector and the classifier that the device would run."""
    current = with_updates(settings)
    bundles = [load_bundle(one.bundle) for one in (current.detector, current.classifier)]
    return bundles[0].manifest.version, bundles[1].manifest.version


def started(settings: Settings, frames: int = FRAMES) -> Probation:
    """A process that opens the bundles and gets through some frames."""
    probation = Probation(settings)
    probation.open_nets(settings)
    for _ in range(frames):
        probation.frame_done()
    return probation


def crashed(settings: Settings, frames: int = 0) -> None:
    """A process that opens the bundles, gets through some frames and is killed."""
    probation = started(settings, frames)
    if probation._lock is not None:
        os.close(probation._lock)
