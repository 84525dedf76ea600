"""Where the broker is, and the password for it."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from edge.errors import MaskGateError
from edge.password_file import read_password_file

PASSWORD_VARIABLE = "MASKGATE_PASSWORD"  # noqa: S105  # the variable's name
PORTS = {"mqtt": 1883, "mqtts": 8883}
"""The ports registered with IANA for MQTT without and with TLS."""
_EXPECTED = "expected mqtt://[user@]host[:port] or mqtts://[user@]host[:port]"


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and as whom to log in; its text form is host:port."""

    host: str
    port: int
    tls: bool
    user: str | None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_broker_url(url: str) -> BrokerAddress:
    """Take a broker's URL apart.

    Args:
        url: mqtt://[user@]host[:port] or mqtts://…; the user may be percent-encoded.

    Raises:
        ValueError: it is none, or it holds a password. The message quotes nothing of it.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(_EXPECTED) from None
    if parts.password is not None:
        raise ValueError(
            "a password must not stand in the URL; put it into a file and name that file as "
            f"broker.password_file, or set {PASSWORD_VARIABLE}"
        )
    fits = parts.scheme in PORTS and port != 0 and not any(map(str.isspace, url))
    if not (host and fits) or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(_EXPECTED)
    return BrokerAddress(
        host=host,
        port=port or PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        user=unquote(parts.username) if parts.username else None,
    )


def read_password(user: str | None, file: Path | None) -> str | None:
    """The broker's password, from a file or else from the environment.

    Args:
        user: whose password it is.
        file: whose first line is the password.

    Returns:
        None where there is none, or no user that it could belong to.

    Raises:
        MaskGateError: the file is missing, unreadable or empty, or there is no user for it.
    """
    if file is None:
        return os.environ.get(PASSWORD_VARIABLE) or None if user else None
    if user is None:
        raise MaskGateError(
            f"broker.password_file {file}: there is no user for it; name one in broker.url as user@"
        )
    return read_password_file("broker.password_file", file)
