"""The secrets of a fleet: its CA, the broker's certificate, everybody's password, the signing key.

They are made at the first use on the machine that flashes, in a folder that is the user's alone,
and kept there: whoever opens it again gets the same. Of all this a device gets its own password and
the CA's certificate, and the broker its key, its certificate and the hashes of the passwords.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from edge.errors import MaskGateError
from edge.faults import nearest
from firmware_config.certificates import (
    is_due,
    key_to_pem,
    new_ca,
    new_key,
    new_server_certificate,
    read_certificate,
    read_key,
    require_ca,
    to_pem,
)
from firmware_config.inventory import Device
from firmware_config.logins import PEOPLE, Login, new_login, read_login
from firmware_config.private_folder import PrivateFolder

CA, CA_KEY = "ca.pem", "ca.key"
BROKER, BROKER_KEY = "broker.pem", "broker.key"
BUNDLE_KEY = "bundle.key"
LOGINS = "logins"
CA_WARNING = timedelta(days=365)
"""With a new CA every device must be visited or updated; that takes time."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeviceSecrets:
    """What one device gets."""

    password: str = field(repr=False)
    """At the broker, where the user's name is the device's id."""
    ca_pem: bytes
    """Whom it takes the broker's certificate from."""


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """What the broker shows to devices."""

    certificate: bytes
    """PEM."""
    key: bytes = field(repr=False)
    """PEM."""


class Credentials:
    """The secrets of a fleet, in a folder; see `open_credentials`."""

    def __init__(
        self, folder: PrivateFolder, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey
    ) -> None:
        self._folder = folder
        self._ca = ca
        self._ca_key = ca_key

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    @property
    def ca_pem(self) -> bytes:
        """The CA's certificate, for whoever connects to the broker."""
        return to_pem(self._ca)

    @property
    def bundle_key(self) -> Path:
        """The private key (Ed25519, PEM) that bundles are signed with."""
        return self.path / BUNDLE_KEY

    @property
    def bundle_public_key(self) -> Path:
        """The key for `trust.keys` of the devices."""
        return self.path / f"{BUNDLE_KEY}.pub"

    def for_device(self, device: Device) -> DeviceSecrets:
        """What this device gets; its password is made at the first call.

        Raises:
            MaskGateError: the folder fails.
        """
        return DeviceSecrets(self.login(device.id).password, self.ca_pem)

    def login(self, name: str) -> Login:
        """Somebody's login at the broker, made at the first call.

        Args:
            name: a device's id, or one of PEOPLE.

        Raises:
            MaskGateError: the folder fails, or the login's file is damaged.
        """
        with self._folder.alone():
            place = f"{LOGINS}/{name}"
            content = self._folder.read(place)
            login = new_login() if content is None else read_login(content, place)
            # Also where a password was written there by hand, with no hash, or another's.
            if content != login.to_file():
                self._folder.write(place, login.to_file())
            return login

    def rotate(self, name: str) -> None:
        """Replace somebody's password: the broker, and then the device, must get the new one.

        Args:
            name: a device's id, or one of PEOPLE.

        Raises:
            MaskGateError: there is no such login, or the folder fails.
        """
        with self._folder.alone():
            self._require(name)
            self._folder.write(f"{LOGINS}/{name}", new_login().to_file())

    def forget(self, name: str) -> None:
        """Remove a login for good; a device that comes back under that id gets a new password.

        Raises:
            MaskGateError: there is no such login, or the folder fails.
        """
        with self._folder.alone():
            self._require(name)
            self._folder.remove(f"{LOGINS}/{name}")

    def left_over(self, devices: Collection[str]) -> list[str]:
        """Logins of devices that are no longer among these ids."""
        return [name for name in self._folder.names(LOGINS) if name not in {*devices, *PEOPLE}]

    def for_broker(self, names: Sequence[str]) -> ServerCertificate:
        """The broker's certificate, made anew when its names change or it ends within 60 days.

        Args:
            names: DNS names and IP addresses that the broker is reached by.

        Raises:
            MaskGateError: a name is none, the key is damaged, or the folder fails.
        """
        with self._folder.alone():
            key_pem = self._folder.read(BROKER_KEY)
            if key_pem is None:
                key_pem = key_to_pem(new_key())
                self._folder.write(BROKER_KEY, key_pem)
            key = read_key(key_pem, str(self.path / BROKER_KEY))
            now = datetime.now(timezone.utc)
            content = self._folder.read(BROKER)
            if content is not None:
                old = read_certificate(content, str(self.path / BROKER))
                if not is_due(old, key, names, self._ca, now):
                    return ServerCertificate(content, key_pem)
                _tell_of_renewal(old, now)
            new = new_server_certificate(key, names, self._ca, self._ca_key, now)
            self._folder.write(BROKER, to_pem(new))
            return ServerCertificate(to_pem(new), key_pem)

    def _require(self, name: str) -> None:
        known = self._folder.names(LOGINS)
        if name not in known:
            raise MaskGateError(
                f"login {name}: there is none of that name in {self.path / LOGINS}"
                f"{nearest(name, known) or '; a device gets one when it is first flashed'}"
            )


def open_credentials(folder: Path) -> Credentials:
    """Open a fleet's secrets; what is missing is made, what is there stays.

    Args:
        folder: of the secrets; its parents are made as well.

    Raises:
        MaskGateError: others or git can look into the folder, its files are damaged, the CA has
            expired, or another process keeps it locked.
    """
    private = PrivateFolder(folder)
    with private.alone():
        ca, ca_key = _open_ca(private)
        _open_bundle_key(private)
    return Credentials(private, ca, ca_key)


def _open_ca(folder: PrivateFolder) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key_pem, ca_pem = folder.read(CA_KEY), folder.read(CA)
    if key_pem is None and ca_pem is not None:
        raise MaskGateError(
            f"CA {folder.path / CA}: its key {CA_KEY} is gone; bring it back from your copy, or "
            f"move {CA} away, so that a new CA is made, then give every device and the broker "
            "their new files"
        )
    if key_pem is None:
        key_pem = key_to_pem(new_key())
        folder.write(CA_KEY, key_pem)
    key = read_key(key_pem, str(folder.path / CA_KEY))
    # A key without its certificate: the power went between the two.
    if ca_pem is None:
        ca_pem = to_pem(new_ca(key, datetime.now(timezone.utc)))
        folder.write(CA, ca_pem)
    ca = read_certificate(ca_pem, str(folder.path / CA))
    require_ca(ca, key, str(folder.path / CA))
    ends = ca.not_valid_after_utc
    if ends - datetime.now(timezone.utc) < CA_WARNING:
        log.warning(
            "CA %s: it expires on %s, and with it all connections; plan a new one by then",
            folder.path / CA,
            f"{ends:%Y-%m-%d}",
        )
    return ca, key


def _open_bundle_key(folder: PrivateFolder) -> None:
    content = folder.read(BUNDLE_KEY)
    if content is None:
        content = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        folder.write(BUNDLE_KEY, content)
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise MaskGateError(
            f"key {folder.path / BUNDLE_KEY}: expected an Ed25519 private key in PEM without a "
            "password, as maskgate-convert key makes it; bring it back from your copy"
        )
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if folder.read(f"{BUNDLE_KEY}.pub") != public:
        folder.write(f"{BUNDLE_KEY}.pub", public)


def _tell_of_renewal(old: x509.Certificate, now: datetime) -> None:
    ends = old.not_valid_after_utc
    log.warning(
        "broker's certificate: %s on %s; it was made anew, give the broker its new files",
        "it expired" if ends <= now else "its names changed or it ends",
        f"{ends:%Y-%m-%d}",
    )
