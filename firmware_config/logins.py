"""Logins at the broker: a password, and what Mosquitto keeps of it."""

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field

from edge.errors import MaskGateError

READER, COMMANDER = "viewer", "home-assistant"
"""Logins at the broker that are no device's: who reads all, and who may command as well."""
PEOPLE = (READER, COMMANDER)
_BYTES = 32
"""Of chance in a password: nobody types it, and nobody guesses it."""
_ITERATIONS = 101
"""Mosquitto 2.0's own number: slow hashing protects what people think up, not 32 random bytes."""
_SALT_BYTES = 12
"""Mosquitto 2.0 takes no other."""


@dataclass(frozen=True, slots=True)
class Login:
    """A password, and its hash as Mosquitto's password file has it."""

    password: str = field(repr=False)
    hash: str = field(repr=False)

    def to_file(self) -> bytes:
        """Two lines: the first is the password, as in every password file of MaskGate's."""
        return f"{self.password}\n{self.hash}\n".encode()


def new_login() -> Login:
    """A login with a password that nobody had before."""
    password = secrets.token_urlsafe(_BYTES)
    return Login(password, hash_password(password))


def read_login(content: bytes, name: str) -> Login:
    """Read a login's file.

    A hash that is missing or not of this password, for somebody wrote another password into the
    file, is replaced by one that is.

    Args:
        content: of the file.
        name: of the file, for the message.

    Raises:
        MaskGateError: it holds no password.
    """
    try:
        password, _, rest = content.decode().partition("\n")
    except UnicodeDecodeError:
        password = rest = ""
    password, known = password.rstrip("\r"), rest.strip()
    if not password:
        raise MaskGateError(
            f"login {name}: expected a password in its first line, found none; remove the file, so "
            "that a new one is made"
        )
    return Login(password, known if is_hash_of(known, password) else hash_password(password))


def hash_password(password: str, salt: bytes | None = None) -> str:
    """Hash a password as mosquitto_passwd does: PBKDF2 with SHA-512 (RFC 8018), type 7 of its own.

    Args:
        password: any text.
        salt: 12 bytes; random when None.
    """
    salt = os.urandom(_SALT_BYTES) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${_base64(salt)}${_base64(digest)}"


def is_hash_of(known: str, password: str) -> bool:
    """Whether a hash is one that `hash_password` gives for this password."""
    try:
        salt = base64.b64decode(known.split("$")[3], validate=True)
    except (IndexError, ValueError):
        return False
    return len(salt) == _SALT_BYTES and hmac.compare_digest(known, hash_password(password, salt))


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def of_a_device(name: str) -> str:
    """The login of a device, which is its id.

    Raises:
        ValueError: it is the name of somebody else's login.
    """
    if name.lower() in PEOPLE:
        raise ValueError(
            f"expected an id that is not {' or '.join(PEOPLE)}, which are other logins at the "
            "broker; give it another"
        )
    return name
