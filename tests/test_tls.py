"""TLS with certificates of the device, at a real broker."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from edge.config import Broker
from edge.errors import MaskGateError
from edge.mqtt.tls import tls_context
from tests.brokers import OTHER_USER, USER, Mosquitto
from tests.publishing import Publish
from tests.waiting import wait_until


@pytest.fixture
def strict_broker(make_mosquitto: Callable[..., Mosquitto], certificates: Path) -> Mosquitto:
    """A mosquitto that lets in who shows a certificate of its CA."""
    made = make_mosquitto(
        "require_certificate true",
        "use_identity_as_username true",
        f"cafile {certificates / 'ca.pem'}",
        f"certfile {certificates / 'server.pem'}",
        f"keyfile {certificates / 'server.key'}",
        tls=True,
    )
    made.settings = made.settings.model_copy(update={"ca_file": certificates / "ca.pem"})
    return made


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_device_with_a_certificate_is_let_in(
    strict_broker: Mosquitto,
    certificates: Path,
    publish: Publish,
    protocol: str,
):
    shown = {
        "cert_file": certificates / f"{USER}.pem",
        "key_file": certificates / f"{USER}.key",
        "protocol": protocol,
    }
    publisher = publish(strict_broker.settings.model_copy(update=shown))
    wait_until(lambda: publisher.state.connected)


def test_certificate_and_key_may_be_one_file(
    strict_broker: Mosquitto,
    certificates: Path,
    tmp_path: Path,
    publish: Publish,
):
    both = tmp_path / "both.pem"
    both.touch(0o600)
    both.write_text(
        "".join((certificates / f"{USER}.{kind}").read_text() for kind in ("pem", "key"))
    )
    publisher = publish(strict_broker.settings.model_copy(update={"cert_file": both}))
    wait_until(lambda: publisher.state.connected)


def test_a_broker_that_wants_a_certificate_is_not_connected_and_says_what_to_do(
    strict_broker: Mosquitto, publish: Publish
):
    publisher = publish(strict_broker.settings)
    wait_until(lambda: "broker.cert_file" in publisher.state.detail)
    assert not publisher.state.connected


def test_unusable_certificates_are_refused_with_the_reason(certificates: Path, tmp_path: Path):
    noise = tmp_path / "noise"
    noise.write_text("noise")
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "pkey", "-aes128", "-passout", "pass:x",
         "-in", str(certificates / f"{USER}.key"), "-out", str(locked)],
        check=True, capture_output=True,
    )  # fmt: skip
    mine = certificates / f"{USER}.pem"
    for certificate, key, complaint in [
        (tmp_path / "gone", None, "broker.cert_file .*gone: No such file"),
        (mine, tmp_path / "gone", "broker.key_file .*gone: No such file"),
        (noise, None, "no certificate with its key in them"),
        (mine, None, "no certificate with its key in them"),
        (mine, certificates / f"{OTHER_USER}.key", "the key is not the certificate's"),
        (mine, locked, "locked.key: it is encrypted"),
    ]:
        broker = Broker(url="mqtts://h", cert_file=certificate, key_file=key)
        with pytest.raises(MaskGateError, match=complaint):
            tls_context(broker, asked=True)


def test_a_certificate_where_no_tls_is_asked_for_is_refused(certificates: Path):
    with pytest.raises(MaskGateError, match=r"cert_file is set, but .* write mqtts://"):
        tls_context(Broker(url="mqtt://h", cert_file=certificates / f"{USER}.pem"), asked=False)


def test_a_key_without_a_certificate_is_refused(tmp_path: Path):
    with pytest.raises(ValidationError, match=r"no broker.cert_file that it could be for"):
        Broker(url="mqtts://h", key_file=tmp_path / "key")


def test_a_key_that_others_can_read_is_told_once(
    certificates: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    key = tmp_path / "open.key"
    key.write_bytes((certificates / f"{USER}.key").read_bytes())
    key.chmod(0o644)
    broker = Broker(url="mqtts://h", cert_file=certificates / f"{USER}.pem", key_file=key)
    for _ in range(2):
        tls_context(broker, asked=True)
    assert [record.message for record in caplog.records] == [
        f"broker.key_file {key} can be read by every user of this machine; chmod o-r it"
    ]
