"""What many tests begin with: brokers and a device that publishes, certificates, the page, sshd."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

# The kernels of oneDNN differ from processor to processor, and with them what a short training
# comes to; set before anything imports TensorFlow.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import pytest

from edge.alerting.outbox import Outbox
from edge.config import Broker, View
from edge.config import Outbox as OutboxSettings
from edge.mqtt import backoff, delivery
from edge.mqtt.publisher import Publisher
from tests.brokers import (
    MOSQUITTO,
    OTHER_USER,
    PASSWORD,
    USER,
    Embedded,
    Listener,
    Mosquitto,
    Silent,
)
from tests.live_page import PASSWORD as VIEW_PASSWORD
from tests.live_page import Page
from tests.payloads import make_payload
from tests.publishing import DEVICE, Publish
from tests.sshd import SSHD, Relay, Sshd


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which broker the tests had."""
    if MOSQUITTO is None:
        terminalreporter.write_line(
            "mosquitto is not installed: the tests ran against the embedded broker, and those of "
            "login and TLS were skipped"
        )


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Faces that tests cut stay out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto | Embedded]:
    """A plain broker, running; it can be stopped and started."""
    made = Mosquitto(tmp_path, "allow_anonymous true") if MOSQUITTO else Embedded()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def make_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Starts a mosquitto with options of its own."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    started: list[Mosquitto] = []

    def make(*options: str, tls: bool = False, user: str = "") -> Mosquitto:
        made = Mosquitto(tmp_path, *options, tls=tls, user=user)
        started.append(made)
        made.start()
        return made

    yield make
    for made in started:
        made.stop()


@pytest.fixture
def login_broker(make_mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> Mosquitto:
    """A mosquitto that lets in USER with PASSWORD."""
    passwords = tmp_path / "passwords"
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(passwords), USER, PASSWORD],
        check=True,
        capture_output=True,
    )
    return make_mosquitto("allow_anonymous false", f"password_file {passwords}", user=USER)


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    """Subscribes to a broker until the test ends."""
    listeners: list[Listener] = []

    def make(broker: Broker, password: str | None = None, **more: str) -> Listener:
        listeners.append(Listener(broker, password, **more))
        return listeners[-1]

    yield make
    for listener in listeners:
        listener.close()


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(OutboxSettings(path=tmp_path / "outbox.sqlite"))
    yield opened
    opened.close()


@pytest.fixture
def publish(outbox: Outbox) -> Iterator[Publish]:
    publishers: list[Publisher] = []

    def start(broker: Broker) -> Publisher:
        publishers.append(Publisher(broker, DEVICE, outbox))
        publishers[-1].start()
        return publishers[-1]

    yield start
    for publisher in publishers:
        publisher.stop()


@pytest.fixture
def retry_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long enough for a listener to be back first, short enough for a test."""
    monkeypatch.setattr(backoff, "AWAY", (0.8, 0.8))
    monkeypatch.setattr(backoff, "REFUSED", (0.2, 0.2))
    monkeypatch.setattr(delivery, "HOLD_SECONDS", 0.2)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with certificates and their keys.

    ca.pem; server.pem for 127.0.0.1; door.pem and gate.pem, two devices; other.pem, another CA.
    """
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name in ("ca", "other"):
        openssl("req", "-x509", *curve, "-keyout", f"{name}.key", "-out", f"{name}.pem",
                "-subj", f"/CN={name}", "-days", "2",
                "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    # From Python 3.13 on nothing less is accepted.
    (folder / "extensions").write_text(
        "subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
    )
    for name in ("server", USER, OTHER_USER):
        openssl("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}")  # fmt: skip
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", f"{name}.pem", "-days", "2",
                "-extfile", "extensions")  # fmt: skip
    return folder


@pytest.fixture
def tls_broker(make_mosquitto: Callable[..., Mosquitto], certificates: Path) -> Mosquitto:
    """A mosquitto that speaks TLS only."""
    made = make_mosquitto(
        "allow_anonymous true",
        f"certfile {certificates / 'server.pem'}",
        f"keyfile {certificates / 'server.key'}",
        tls=True,
    )
    made.settings = made.settings.model_copy(update={"ca_file": certificates / "ca.pem"})
    return made


DOCS = Path(__file__).parent.parent / "docs"
READER, COMMANDER = "viewer", "home-assistant"


@pytest.fixture
def field_broker(
    make_mosquitto: Callable[..., Mosquitto], certificates: Path, tmp_path: Path
) -> Mosquitto:
    """The mosquitto that docs/mosquitto describes, for the devices USER and OTHER_USER of site hq.

    All its users have PASSWORD.
    """
    passwords = tmp_path / "passwords"
    passwords.touch(0o600)
    for name in (USER, OTHER_USER, READER, COMMANDER):
        subprocess.run(
            ["mosquitto_passwd", "-b", str(passwords), name, PASSWORD],
            check=True,
            capture_output=True,
        )
    config = (DOCS / "mosquitto" / "mosquitto.conf").read_text()
    for there, here in (
        ("/etc/mosquitto/maskgate/broker.pem", certificates / "server.pem"),
        ("/etc/mosquitto/maskgate/broker.key", certificates / "server.key"),
        ("/etc/mosquitto/maskgate/passwords\n", f"{passwords}\n"),
        ("/etc/mosquitto/maskgate/acl\n", f"{DOCS / 'mosquitto' / 'acl'}\n"),
        # Debian's own configuration says where.
        ("persistence true\n", f"persistence true\npersistence_location {tmp_path}/\n"),
        ("listener 8883\n", ""),  # It listens on a port of its own.
    ):
        assert there in config
        config = config.replace(there, str(here))
    made = make_mosquitto(*config.splitlines(), tls=True)
    secret = tmp_path / "password"
    secret.touch(0o600)
    secret.write_text(PASSWORD)
    made.settings = made.settings.model_copy(
        update={
            "url": f"mqtts://{USER}@127.0.0.1:{made.port}",
            "ca_file": certificates / "ca.pem",
            "password_file": secret,
        }
    )
    return made


@pytest.fixture
def silent() -> Iterator[Callable[[bytes], Silent]]:
    """Starts a server that greets and then says nothing more."""
    servers: list[Silent] = []

    def make(greeting: bytes) -> Silent:
        servers.append(Silent(greeting))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Page]]:
    """Serves a live view by the keys of [view], and by other sections where they are given."""
    with ExitStack() as stack:

        def start(view: dict[str, object] | None = None, **settings: object) -> Page:
            page = Page(View.model_validate({"port": 0, **(view or {})}), **settings)
            stack.enter_context(page.served)
            return page

        yield start


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(f"{VIEW_PASSWORD}\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def page(serve: Callable[..., Page]) -> Page:
    """A live view without a password."""
    return serve()


@pytest.fixture
def locked(serve: Callable[..., Page], password_file: Path) -> Page:
    """A live view with a password."""
    return serve({"password_file": password_file})


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """A host that runs Debian trixie, as far as it says."""
    if SSHD is None or shutil.which("ssh") is None:
        pytest.skip("openssh-server or openssh-client is not installed")
    root = tmp_path / "device"
    for folder in ("opt", "var/lib/maskgate", "etc", "run"):
        (root / folder).mkdir(parents=True)
    (root / "etc/os-release").write_text('ID=debian\nVERSION_CODENAME="trixie"\n')
    (root / "var/lib/maskgate/outbox.db").write_text("alerts")
    made = Sshd(tmp_path / "sshd", root)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def relay(sshd: Sshd) -> Iterator[Callable[..., tuple[str, Relay]]]:
    """Puts a network between here and the host; gives the host as it is reached there."""
    made: list[Relay] = []

    def make(after: int, *, silent: bool = False) -> tuple[str, Relay]:
        made.append(Relay(sshd.port, after, silent=silent))
        return f"{sshd.user}@127.0.0.1:{made[-1].port}", made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    """A small made-up payload."""
    return make_payload(tmp_path / "payload")
