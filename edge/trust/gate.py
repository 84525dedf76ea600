"""The one way by which bundles come into the device."""

import logging
from pathlib import Path

from edge.alerting.outbox import state_folder
from edge.bundle import Bundle, Version, load_bundle
from edge.config import Settings
from edge.errors import MaskGateError
from edge.trust.accepted import Accepted
from edge.trust.keys import fingerprint, read_key
from edge.trust.signature import read_signature

log = logging.getLogger(__name__)


def load_trusted(path: Path, settings: Settings) -> Bundle:
    """Read a bundle, if the settings let this device run it.

    Without keys in the section [trust] that is any bundle.

    Args:
        path: the bundle's folder, or a zip of it.
        settings: whose keys count, and where the device remembers what it ran.

    Raises:
        MaskGateError: what load_bundle refuses; a bundle that is not signed, signed by another key,
            altered, or older than what the device runs; or a key that cannot be read.
    """
    bundle = load_bundle(path)
    require_trust(bundle, settings)
    return bundle


def require_trust(bundle: Bundle, settings: Settings) -> None:
    """Refuse a bundle that this device may not run.

    Raises:
        MaskGateError: see load_trusted.
    """
    if not settings.trust.keys:
        return
    _require_signature(bundle, settings)
    accepted = Accepted(_accepted_path(settings))
    if accepted.fault:
        log.warning(
            "bundle %s: whether a newer one than %s %s ran here cannot be told, for %s; check that "
            "the version is right, the file is begun afresh with what runs next",
            bundle.path,
            bundle.manifest.name,
            bundle.manifest.version,
            accepted.fault,
        )
    _require_not_older(bundle, accepted, allowed=settings.trust.allow_older)


def remember_running(bundles: list[Bundle], settings: Settings) -> None:
    """Remember that these bundles, all trusted and loaded well, are what this device now runs.

    Raises:
        MaskGateError: there is no place to remember it.
    """
    if settings.trust.keys:
        Accepted(_accepted_path(settings)).remember([bundle.manifest for bundle in bundles])


def accept_older(bundle: Bundle, settings: Settings) -> None:
    """Let a bundle that ran here before run again; its version is then the oldest that may.

    Raises:
        MaskGateError: there is no place to remember it.
    """
    remember_running([bundle], settings)


def _require_signature(bundle: Bundle, settings: Settings) -> None:
    keys = [read_key(path) for path in settings.trust.keys]
    signature = read_signature(bundle)
    if signature is None or signature.key not in [key.raw for key in keys]:
        found = f"signed by key {fingerprint(signature.key)}" if signature else "not signed"
        raise MaskGateError(
            f"bundle {bundle.path}: it is {found}, expected a signature by "
            f"{' or '.join(f'key {key}' for key in keys)}; install one that is, sign it with "
            "maskgate-convert sign, or add the signer's key to trust.keys"
        )


def _require_not_older(bundle: Bundle, accepted: Accepted, *, allowed: bool) -> None:
    manifest = bundle.manifest
    running = accepted.version(manifest)
    if running is None or Version.parse(manifest.version) >= running or allowed:
        return
    raise MaskGateError(
        f"bundle {bundle.path}: it is {manifest.name} {manifest.version}, expected {running}, "
        "which this device ran already, or newer; install that, or set trust.allow_older = true "
        "for one run if you mean to go back"
    )


def _accepted_path(settings: Settings) -> Path:
    return state_folder(settings.outbox) / "accepted-bundles.json"
