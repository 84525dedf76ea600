"""The files that the live view needs: its password, its certificate."""

import ssl
from typing import Final

from edge.config import View
from edge.errors import MaskGateError
from edge.password_file import read_password_file
from edge.paths import reason

SHORTEST: Final = 8
"""Characters of a password: whoever reaches the page may try some."""
LONGEST: Final = 1024


def read_password(view: View) -> str | None:
    """The password of the page; None where it needs none.

    Raises:
        MaskGateError: its file cannot be read, or holds no password that is long enough.
    """
    if view.password_file is None:
        return None
    password = read_password_file("view.password_file", view.password_file)
    if not SHORTEST <= len(password) <= LONGEST:
        raise MaskGateError(
            f"view.password_file {view.password_file}: its first line has {len(password)} "
            f"characters; expected a password of {SHORTEST} to {LONGEST}"
        )
    return password


def check_certificate(settings: View) -> None:
    """Check that the certificate and its key are there and go together, if there are any.

    Raises:
        MaskGateError: they do not.
    """
    if settings.cert_file is None or settings.key_file is None:
        return
    for key, file in (("cert_file", settings.cert_file), ("key_file", settings.key_file)):
        try:
            file.open("rb").close()
        except OSError as error:
            raise MaskGateError(f"view.{key} {file}: {reason(error)}") from error
    try:
        # Without a passphrase OpenSSL would ask for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.cert_file, settings.key_file, password=""
        )
    except (ssl.SSLError, ValueError) as error:
        raise MaskGateError(
            f"view.cert_file {settings.cert_file}: it and {settings.key_file} cannot be used "
            f"({error}); expected a certificate and its key without a passphrase, in PEM form"
        ) from error
