"""Signatures of bundles: manifest.sig, detached, over the very bytes of manifest.json.

The manifest holds the hashes of all other files, so its signature is one of the whole bundle.
The file is the signer's public key (32 bytes) and the Ed25519 signature (64 bytes, RFC 8032).
"""

from dataclasses import dataclass

from edge.bundle import SIGNATURE, Bundle
from edge.errors import MaskGateError

KEY_BYTES, SIGNATURE_BYTES = 32, 64


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that fits its manifest."""

    key: bytes
    """Public key of whoever signed; whether that means anything is for the device to say."""
    value: bytes

    @property
    def content(self) -> bytes:
        """What manifest.sig holds."""
        return self.key + self.value


def read_signature(bundle: Bundle) -> Signature | None:
    """Read a bundle's signature and hold it against the manifest.

    Returns:
        None for a bundle that is not signed.

    Raises:
        MaskGateError: the signature is damaged, or the manifest or the signature was altered.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    expected = KEY_BYTES + SIGNATURE_BYTES
    try:
        content = bundle.files.read(SIGNATURE, expected)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MaskGateError(
            f"bundle {bundle.path}: its {SIGNATURE} cannot be read ({error.strerror}); "
            "install the bundle again"
        ) from error
    if len(content) != expected:
        found = f"{len(content)} bytes" if len(content) < expected else "more"
        raise MaskGateError(
            f"bundle {bundle.path}: its {SIGNATURE} is damaged, expected {expected} bytes, found "
            f"{found}; install the bundle again or sign it again"
        )
    signature = Signature(content[:KEY_BYTES], content[KEY_BYTES:])
    try:
        Ed25519PublicKey.from_public_bytes(signature.key).verify(signature.value, bundle.signed)
    except (InvalidSignature, ValueError) as error:
        raise MaskGateError(
            f"bundle {bundle.path}: its {SIGNATURE} does not fit its manifest.json; one of them "
            "was altered, install the bundle again or sign it again"
        ) from error
    return signature
