"""Looks a bundle over without running it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge.bundle import Bundle, ModelFile, load_bundle
from edge.config import Settings
from edge.errors import MaskGateError
from edge.trust.gate import require_trust
from edge.trust.keys import fingerprint, read_key
from edge.trust.signature import read_signature


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a bundle is, and what is wrong with it."""

    bundle: Bundle
    files: tuple[tuple[ModelFile, str | None], ...]
    """Each model file, and what is wrong with it."""
    key: str | None
    """Fingerprint of the key whose signature fits the manifest."""
    trusted: bool | None
    """Whether it is one of the device's keys; None where the device has none, or no key signed."""
    signature_fault: str | None
    """Why the signature does not fit; None where it does, or where there is none."""
    refusal: str | None
    """Why the device refuses the bundle; None if it takes it."""

    @property
    def faults(self) -> list[str]:
        """All that is wrong, each once."""
        found = [fault for _, fault in self.files] + [self.signature_fault, self.refusal]
        return list(dict.fromkeys(fault for fault in found if fault))


def inspect_bundle(path: Path, settings: Settings) -> Inspection:
    """Look a bundle over.

    Args:
        path: its folder, or a zip of it.
        settings: whose keys count, and what the device ran before.

    Raises:
        MaskGateError: it has no manifest that can be read, or a key cannot be read.
    """
    bundle = load_bundle(path)
    files = tuple((file, _fault(partial(bundle.content, file))) for file in bundle.manifest.files)
    keys = [read_key(key).raw for key in settings.trust.keys]
    signature, signature_fault = None, None
    try:
        signature = read_signature(bundle)
    except MaskGateError as error:
        signature_fault = str(error)
    return Inspection(
        bundle,
        files,
        key=fingerprint(signature.key) if signature else None,
        trusted=signature.key in keys if signature and keys else None,
        signature_fault=signature_fault,
        refusal=_fault(lambda: require_trust(bundle, settings)),
    )


def _fault(check: Callable[[], object]) -> str | None:
    try:
        check()
    except MaskGateError as error:
        return str(error)
    return None
