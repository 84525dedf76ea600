"""A broker's certificate that is not valid by the device's clock, which may be the one at fault."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.tracing import traced

CONNECT = """
import sys
from pathlib import Path
from edge.config import Broker
from edge.mqtt.connection import Connection
from edge.mqtt.waker import Waker
try:
    Connection(Broker(url=sys.argv[1], ca_file=Path(sys.argv[2])), "test").open(Waker())
except Exception as error:
    print(type(error).__name__, error)
"""
USES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
NOW = datetime.now(timezone.utc)


def make_certificate(folder: Path, begins: datetime, ends: datetime) -> Path:
    """A certificate for 127.0.0.1 that is its own CA, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    usage = x509.KeyUsage(**{use: use in {"digital_signature", "key_cert_sign"} for use in USES})
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "broker.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path


@contextlib.contextmanager
def tls_server(certificate: Path) -> Iterator[str]:
    """A server that gets no further than the handshake; gives its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            accepted, _ = server.accept()
            with contextlib.suppress(OSError), context.wrap_socket(accepted, server_side=True):
                pass

        threading.Thread(target=serve, daemon=True).start()
        yield f"mqtts://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("kernel", "begins", "ends", "answer"),
    [
        (5, 1, 2, "UnreachableError"),
        (5, -2, -1, "UnreachableError"),
        (0, 1, 2, "RefusedError"),
        (0, -2, -1, "RefusedError"),
    ],
    ids=["early, clock not set", "late, clock not set", "early", "late"],
)
def test_a_certificate_out_of_date_is_refused_only_by_a_clock_that_can_be_trusted(
    tmp_path: Path, kernel: int, begins: int, ends: int, answer: str
):
    if Path("/run/systemd/timesync/synchronized").exists():
        pytest.skip("the clock of this machine was set: it is trusted whatever the kernel says")
    certificate = make_certificate(
        tmp_path, NOW + timedelta(days=begins), NOW + timedelta(days=ends)
    )
    calls = "clock_adjtime,adjtimex"
    options = ["-e", f"trace={calls}", "-e", f"inject={calls}:retval={kernel}", "-o", "/dev/null"]
    with tls_server(certificate) as url:
        said = traced(options, CONNECT, url, certificate)
    assert said.startswith(answer)
    assert ("no time server has set the clock" in said) == (answer == "UnreachableError")
