"""A certificate authority of one's own, and the broker's certificate by it (X.509, EC P-256)."""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.errors import MaskGateError

CA_LIFE = timedelta(days=3652)
"""Ten years: with a new CA every device must be given the new one."""
SERVER_LIFE = timedelta(days=730)
RENEWAL = timedelta(days=60)
"""A server's certificate with less than this left is made anew."""
_SKEW = timedelta(days=1)
"""Certificates count from yesterday on: no two clocks agree, and some know no time zone."""


def new_key() -> ec.EllipticCurvePrivateKey:
    """A private key for a certificate."""
    return ec.generate_private_key(ec.SECP256R1())


def key_to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key's file (PKCS#8, without a password: the broker starts alone)."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_key(content: bytes, name: str) -> ec.EllipticCurvePrivateKey:
    """Read a key's file.

    Args:
        content: PEM.
        name: of the file, for the message.

    Raises:
        MaskGateError: it holds no such key.
    """
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise MaskGateError(
            f"key {name}: expected the private key that was made there (EC, PEM); it was damaged "
            "or replaced, bring it back from your copy"
        )
    return key


def read_certificate(content: bytes, name: str) -> x509.Certificate:
    """Read a certificate's file.

    Args:
        content: PEM.
        name: of the file, for the message.

    Raises:
        MaskGateError: it holds no certificate.
    """
    try:
        return x509.load_pem_x509_certificate(content)
    except ValueError as error:
        raise MaskGateError(
            f"certificate {name}: expected the one that was made there (PEM); it was damaged or "
            "replaced, bring it back from your copy"
        ) from error


def to_pem(certificate: x509.Certificate) -> bytes:
    """The certificate's file."""
    return certificate.public_bytes(Encoding.PEM)


def new_ca(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """A CA's certificate: it may sign servers and nothing beside them.

    Args:
        key: the CA's.
        now: with a time zone.
    """
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "MaskGate CA")])
    known = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        _builder(name, name, key.public_key(), now, now + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(known, critical=False)
        .sign(key, SHA256())
    )


def new_server_certificate(
    key: ec.EllipticCurvePrivateKey,
    names: Sequence[str],
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """A server's certificate, which does not outlive its CA.

    Args:
        key: the server's.
        names: DNS names and IP addresses that it is reached by.
        ca: who signs.
        ca_key: the CA's.
        now: with a time zone.

    Raises:
        MaskGateError: a name is none.
    """
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "MaskGate broker")])
    end = min(now + SERVER_LIFE, ca.not_valid_after_utc)
    # From Python 3.13 on nothing without both key identifiers is accepted.
    known = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return (
        _builder(subject, ca.subject, key.public_key(), now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(server, critical=False)
        .add_extension(x509.SubjectAlternativeName(_general(names)), critical=False)
        .add_extension(known, critical=False)
        .add_extension(by, critical=False)
        .sign(ca_key, SHA256())
    )


def require_ca(ca: x509.Certificate, key: ec.EllipticCurvePrivateKey, name: str) -> None:
    """Refuse a CA that no device trusts any more, or that this key is not of.

    Args:
        ca: the CA's certificate.
        key: what is kept as its key.
        name: of the certificate's file, for the message.

    Raises:
        MaskGateError: it has expired, is not valid yet, or is another key's.
    """
    now = datetime.now(timezone.utc)
    if ca.public_key() != key.public_key():
        raise MaskGateError(
            f"CA {name}: the key beside it is another one's; bring both back from your copy"
        )
    if now < ca.not_valid_before_utc:
        raise MaskGateError(
            f"CA {name}: it is valid from {ca.not_valid_before_utc:%Y-%m-%d} on, and this "
            f"machine's clock says {now:%Y-%m-%d}; set the clock"
        )
    if now >= ca.not_valid_after_utc:
        raise MaskGateError(
            f"CA {name}: it expired on {ca.not_valid_after_utc:%Y-%m-%d}, and no device trusts it "
            "any more; move ca.pem and ca.key away, so that a new one is made, then give every "
            "device and the broker their new files"
        )


def is_due(
    certificate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    names: Sequence[str],
    ca: x509.Certificate,
    now: datetime,
) -> bool:
    """Whether a server's certificate must be made anew.

    Args:
        certificate: the one that is there.
        key: the server's.
        names: that it must be for.
        ca: that must have signed it.
        now: with a time zone.
    """
    try:
        certificate.verify_directly_issued_by(ca)
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return True
    # One that ends with its CA cannot be made to last longer.
    ends = certificate.not_valid_after_utc
    short = ends - now < RENEWAL and ends != ca.not_valid_after_utc
    other = certificate.public_key() != key.public_key() or list(found) != _general(names)
    outlives = ends > ca.not_valid_after_utc
    return short or outlives or other or certificate.not_valid_before_utc > now


def _general(names: Sequence[str]) -> list[x509.GeneralName]:
    return [_general_name(name) for name in dict.fromkeys(names)]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name.encode("idna").decode())
    except UnicodeError as error:
        raise MaskGateError(
            f"broker name {name}: expected a host name or an IP address, e.g. broker.example"
        ) from error


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(end)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
