"""The settings of one device: its profile's, its own, and what flashing knows."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.config import DEFAULT_NAME, Detector, Settings
from edge.errors import MaskGateError
from edge.faults import Keys, known_keys
from edge.loading import settings_faults
from edge.toml_text import toml_text
from firmware_config.merging import lay_over

if TYPE_CHECKING:
    from firmware_config.inventory import Broker, Device
    from firmware_config.profile import Profile

CONFIGURATION = "/etc/maskgate"
STATE = "/var/lib/maskgate"
BUNDLES = "/opt/maskgate/current/bundles"
TRUSTED_KEY = "bundle.key.pub"
"""The public key, in CONFIGURATION, of whoever signs this device's bundles."""
_WHENCE = {
    ("device", "site"): "the device's site",
    ("device", "id"): "the device's id",
    ("broker", "url"): "[broker]",
    ("broker", "password_file"): "the folder of secrets",
    ("broker", "ca_file"): "the folder of secrets",
    ("trust", "keys"): "the folder of secrets",
    ("outbox", "path"): "where the service may write",
    ("updates", "folder"): "where the service may write",
}
"""What flashing writes itself, and what from."""
Place = Callable[[Keys], str]


def device_settings(device: "Device", profile: "Profile", broker: "Broker") -> str:
    """Write the maskgate.toml of a device.

    The same input gives the same text. It names bundles by where the device has them; see
    device_bundles for where they come from.

    Raises:
        MaskGateError: something is wrong with the settings: every fault with its key, one a line.
    """
    faults = find_faults(device, profile, broker, lambda _: f"device {device.id}: settings")
    if faults:
        raise MaskGateError("\n".join(faults))
    head = (
        f"# MaskGate on {device.id} ({device.site}), a {profile.name}; written by maskgate-flash.\n"
        "# Flashing again replaces this file. `maskgate config example` describes all keys.\n"
    )
    return head + "".join(_tables((), _joined(device, profile, broker)))


def find_faults(device: "Device", profile: "Profile", broker: "Broker", place: Place) -> list[str]:
    """All that is wrong with the settings of a device.

    Args:
        device: whose settings they are.
        profile: a checked one.
        broker: of the fleet.
        place: says of a key where in the inventory it stands, if the inventory has it.
    """

    def where(keys: Keys) -> str:
        if _get(device.settings, keys) is None:
            return f"profile {profile.name}: settings"
        return place(keys)

    own = _with_cameras(device, profile)
    faults = [f"{where(keys)}: {'.'.join(keys)}: {wrong}" for keys, wrong in _not_for_flashing(own)]
    cameras = own.get("cameras")
    if device.source is not None and isinstance(cameras, Mapping) and len(cameras) > 1:
        faults.append(
            f"{place(('cameras',))}: source: there are {len(cameras)} cameras; give each its own "
            "in settings.cameras.NAME.source instead"
        )
    # Of what flashing adds, only what other keys are held against: more would hide what is wrong.
    if isinstance(own.get("broker", {}), Mapping):
        own = lay_over(own, {"broker": {"url": broker.url(device.id)}})
    return faults + settings_faults(own, where)


def _not_for_flashing(own: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """Settings that are right in general, but not on a device that is flashed."""
    for keys, whence in _WHENCE.items():
        if _get(own, keys) is not None:
            yield keys, f"flashing takes it from {whence}; leave it out here"
    if _get(own, ("detector", "kind")) == "yunet":
        yield (
            ("detector", "kind"),
            "nobody can sign a YuNet, and a flashed device runs signed nets only; choose another",
        )


def device_bundles(device: "Device", profile: "Profile") -> dict[str, Path]:
    """Where on this machine the bundles of a device are, to be signed and taken along.

    Args:
        device: its settings may name bundles of this machine as `detector.bundle` and
            `classifier.bundle`; those that come with MaskGate otherwise.
        profile: with the settings beneath.

    Returns:
        By the name of the folder in the payload's bundles: "detector" and "classifier".
    """
    own = _with_cameras(device, profile)
    kind = _get(own, ("detector", "kind"))
    usual = Settings(detector=Detector(kind=kind) if kind else Detector())
    return {
        "detector": Path(_get(own, ("detector", "bundle")) or usual.detector.bundle),
        "classifier": Path(_get(own, ("classifier", "bundle")) or usual.classifier.bundle),
    }


def with_bundles_from(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with relative paths of bundles taken from a folder of this machine."""
    rooms: dict[str, Any] = {}
    for room in ("detector", "classifier"):
        named = _get(settings, (room, "bundle"))
        if isinstance(named, str):
            rooms[room] = {"bundle": str(folder / Path(named).expanduser())}
    return lay_over(settings, rooms)


def _joined(device: "Device", profile: "Profile", broker: "Broker") -> dict[str, Any]:
    """All settings of the device, as its file has them."""
    own = _with_cameras(device, profile)
    return lay_over(own, _known_to_flashing(device, broker))


def _known_to_flashing(device: "Device", broker: "Broker") -> dict[str, Any]:
    return {
        "device": {"site": device.site, "id": device.id},
        "broker": {
            "url": broker.url(device.id),
            "password_file": f"{CONFIGURATION}/password",
            "ca_file": f"{CONFIGURATION}/ca.pem",
        },
        "detector": {"bundle": f"{BUNDLES}/detector"},
        "classifier": {"bundle": f"{BUNDLES}/classifier"},
        "outbox": {"path": f"{STATE}/outbox.sqlite"},
        "trust": {"keys": [f"{CONFIGURATION}/{TRUSTED_KEY}"]},
        "updates": {"folder": f"{STATE}/updates"},
    }


def _with_cameras(device: "Device", profile: "Profile") -> dict[str, Any]:
    """The profile's settings with the device's over them.

    Cameras that the device names stand in the place of the profile's one, which says how a camera
    of such a device is asked; that one would otherwise be watched besides.
    """
    base, cameras = profile.settings, device.settings.get("cameras")
    if isinstance(cameras, Mapping) and cameras:
        usual: Any = next(iter(base.get("cameras", {}).values()), {})
        base = {**base, "cameras": dict.fromkeys(cameras, usual)}
    own = lay_over(base, device.settings)
    cameras = own.setdefault("cameras", {DEFAULT_NAME: {}})
    if device.source is not None and isinstance(cameras, Mapping) and len(cameras) == 1:
        [name] = cameras
        own["cameras"] = lay_over(cameras, {name: {"source": device.source}})
    return own


def _tables(path: Keys, table: Mapping[str, Any]) -> Iterator[str]:
    """Write tables in the order in which the settings are declared, so that it never differs."""
    order = known_keys(path, Settings) or list(table)
    there = sorted(table, key=order.index)
    keys = [key for key in there if not isinstance(table[key], Mapping)]
    if path and (keys or not table):
        yield f"\n[{'.'.join(path)}]\n"
    yield from (f"{key} = {toml_text(table[key])}\n" for key in keys)
    for key in there:
        if isinstance(table[key], Mapping):
            yield from _tables((*path, key), table[key])


def _get(table: Any, keys: Keys) -> Any:
    for key in keys:
        table = table.get(key) if isinstance(table, Mapping) else None
    return table
