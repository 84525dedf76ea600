"""How a connection is secured: whom it trusts, and how the device shows who it is."""

import logging
import ssl
import stat
from functools import cache
from pathlib import Path

from edge.config import Broker
from edge.errors import MaskGateError

log = logging.getLogger(__name__)


def tls_context(broker: Broker, *, asked: bool) -> ssl.SSLContext | None:
    """What a connection to a broker is secured by.

    Args:
        broker: with the files.
        asked: whether the broker's URL asks for TLS.

    Returns:
        None where no TLS is asked for.

    Raises:
        MaskGateError: a file is not usable, or there is one though no TLS is asked for.
    """
    if not asked:
        for key in ("ca_file", "cert_file"):
            if getattr(broker, key) is not None:
                raise MaskGateError(
                    f"broker.{key} is set, but broker.url asks for no TLS; write mqtts://…"
                )
        return None
    try:
        context = ssl.create_default_context(cafile=broker.ca_file)
    except (OSError, ValueError) as error:
        raise MaskGateError(
            f"broker.ca_file {broker.ca_file}: {_reason(error, 'no PEM certificate in it')}; "
            "expected the CA certificates in PEM form"
        ) from error
    if broker.cert_file is not None:
        _show_certificate(context, broker.cert_file, broker.key_file or broker.cert_file)
    return context


def _show_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    for name, file, content in (
        ("cert_file", certificate, "the device's certificate"),
        ("key_file", key, "the private key of broker.cert_file"),
    ):
        try:
            with file.open("rb"):
                mode = file.stat().st_mode
        except OSError as error:
            raise MaskGateError(
                f"broker.{name} {file}: {error.strerror}; expected {content} in PEM form"
            ) from error
    if mode & stat.S_IROTH:
        _warn_of_readers(key)
    try:
        context.load_cert_chain(certificate, key, password=lambda: _refuse_password(key))
    except (OSError, ValueError) as error:
        raise MaskGateError(
            f"broker.cert_file {certificate}, broker.key_file {key}: "
            f"{_reason(error, 'no certificate with its key in them')}; expected a certificate and "
            "its private key in PEM form"
        ) from error


def _refuse_password(key: Path) -> str:
    # Asked on the terminal, it would stop a device for good.
    raise MaskGateError(
        f"broker.key_file {key}: it is encrypted; expected a key without a password "
        "(openssl pkey -in … -out …), which only this user may read"
    )


def _reason(error: Exception, not_pem: str) -> str:
    # ssl.SSLError, for what is no certificate, is an OSError.
    if isinstance(error, ssl.SSLError):
        mismatch = error.reason == "KEY_VALUES_MISMATCH"
        return "the key is not the certificate's" if mismatch else not_pem
    return getattr(error, "strerror", None) or str(error)


@cache
def _warn_of_readers(key: Path) -> None:
    # Cached: the file is read for each connection, but one warning is enough.
    log.warning("broker.key_file %s can be read by every user of this machine; chmod o-r it", key)
