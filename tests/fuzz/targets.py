"""What is fuzzed: everything that takes files or messages from elsewhere.

A target takes bytes and an empty folder. It ends well or in a refusal (MaskGateError), in time, and
leaves nothing behind but what it put there itself.
"""

import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from edge.bundle import load_bundle
from edge.config import Settings
from edge.config.example import example
from edge.errors import MaskGateError
from edge.loading import load_settings, read_settings
from edge.trust.gate import load_trusted
from edge.trust.inspection import inspect_bundle
from edge.updates.current import updates_folder, with_updates
from edge.updates.partial import Partial
from edge.updates.store import store
from tests.bundles import copy_of, new_key, rewrite, sign, trusting, zipped

try:
    from edge.commands import request as requests
except ImportError:
    requests = None  # type: ignore[assignment]

LIMIT = 5.0
"""Seconds that a case may take."""
LONGEST = 2000
"""Letters of a line of a refusal."""
Target = Callable[[bytes, Path], object]


class Device:
    """A device with a key and a signed bundle, made once."""

    def __init__(self, folder: Path) -> None:
        self.key = new_key(folder)
        self.bundle = copy_of("compact", folder / "compact")
        # What is in the net is not looked at here, and a small one leaves more cases for the rest.
        described = json.loads((self.bundle / "manifest.json").read_bytes())
        for file in described["files"]:
            content = file["form"].encode() * 20
            (self.bundle / file["path"]).write_bytes(content)
            file |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        rewrite(self.bundle, files=described["files"])
        sign(self.bundle, self.key)
        self.manifest = (self.bundle / "manifest.json").read_bytes()
        self.zip = zipped(self.bundle).read_bytes()

    def settings(self, folder: Path) -> Settings:
        return trusting(folder, self.key, classifier={"bundle": self.bundle})


def configuration(data: bytes, folder: Path) -> None:
    file = folder / "maskgate.toml"
    file.write_bytes(data)
    found = read_settings(file, environment={})
    for fault in found.faults:
        _require_clear(fault)
    load_settings(file, environment={})


def manifest(device: Device) -> Target:
    def target(data: bytes, folder: Path) -> None:
        for model in device.bundle.glob("*.tflite"):
            (folder / model.name).symlink_to(model)
        (folder / "manifest.json").write_bytes(data)
        bundle = load_bundle(folder)
        for file in bundle.manifest.files:
            bundle.content(file)

    return target


def zipped_bundle(data: bytes, folder: Path) -> None:
    file = folder / "bundle.zip"
    file.write_bytes(data)
    inspect_bundle(file, Settings())
    (folder / "kept").mkdir()
    try:
        store(load_bundle(file), folder / "kept", 10**6)
    finally:
        shutil.rmtree(folder / "kept")


def signature(device: Device) -> Target:
    def target(data: bytes, folder: Path) -> None:
        place = folder / "compact"
        place.mkdir()
        shutil.copy(device.bundle / "manifest.json", place)
        (place / "manifest.sig").write_bytes(data)
        load_trusted(place, device.settings(folder))

    return target


def updates_state(device: Device) -> Target:
    """The device's own files after a dying card was at them; it must start in any case."""

    def target(data: bytes, folder: Path) -> None:
        settings = device.settings(folder)
        kept = updates_folder(settings)
        kept.mkdir(parents=True)
        (kept / "updates.json").write_bytes(data)
        (kept / "download.json").write_bytes(data)
        (kept / "download.part").write_bytes(data)
        (kept.parent / "accepted-bundles.json").write_bytes(data)
        with_updates(settings)
        Partial(kept).asks_for("https://host/path")
        load_trusted(device.bundle, settings)

    return target


def command(data: bytes, _folder: Path) -> None:
    names = list(requests.REQUESTS)
    try:
        requests.read_request(names[data[0] % len(names)] if data else names[0], data[1:])
    except ValueError as error:
        raise MaskGateError(str(error)) from error


def targets(device: Device) -> dict[str, Target]:
    """All of them by name."""
    found = {
        "configuration": configuration,
        "manifest": manifest(device),
        "zip": zipped_bundle,
        "signature": signature(device),
        "updates": updates_state(device),
    }
    return {**found, "command": command} if requests else found


UNCOMMENTED = re.compile(r"^#(?=[a-z_]+ = )", re.M)
"""What makes the example's keys count."""


def seeds(name: str, device: Device) -> list[bytes]:
    """Good ones of what a target takes."""
    slot = {"instead_of": str(device.bundle), "runs": "compact-9.0.0-01.zip", "probation": "begun"}
    documents: dict[str, list[object]] = {
        "updates": [
            {"schema": 1, "slots": {"classifier": slot}, "failure": None},
            {"schema": 1, "versions": {"mask-classification/compact": "1.0.0"}},
            {"url": "https://host/path", "validator": '"1"'},
        ],
        "command": [
            {"id": "1"},
            {"id": "1", "camera": "entrance", "seconds": 5},
            {"id": "1", "url": "https://host/path"},
        ],
    }
    if name in documents:
        # The first byte of a command's case says which command it is.
        begin = b"\0" if name == "command" else b""
        return [begin + json.dumps(document).encode() for document in documents[name]]
    return {
        "configuration": [UNCOMMENTED.sub("", example()).encode()],
        "manifest": [device.manifest],
        "zip": [device.zip],
        "signature": [(device.bundle / "manifest.sig").read_bytes()],
    }[name]


def is_refused(target: Target, data: bytes, folder: Path) -> bool:
    """Run a case; whether it is refused.

    Raises:
        AssertionError: the refusal is not clear, it took too long, or left something behind.
    """
    begin, place = time.monotonic(), folder / "case"
    place.mkdir()
    try:
        target(data, place)
        refused = False
    except MaskGateError as error:
        _require_clear(str(error))
        refused = True
    finally:
        shutil.rmtree(place)
    assert not list(folder.iterdir())
    taken = time.monotonic() - begin
    assert taken < LIMIT, f"took {taken:.1f} s"
    return refused


def _require_clear(refusal: str) -> None:
    lines = refusal.split("\n")
    assert all(lines), refusal
    assert all(len(line) <= LONGEST for line in lines), refusal[:300]
    assert all(line.isprintable() for line in lines), repr(refusal)
