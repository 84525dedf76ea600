"""The secrets of a fleet: made once, kept, and nobody else's."""

import atexit
import logging
import os
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import mkdtemp

import pytest
from cryptography import x509

from edge.errors import MaskGateError
from edge.password_file import read_password_file
from edge.trust.gate import load_trusted
from edge.trust.keys import read_key as read_public_key
from firmware_config.certificates import (
    key_to_pem,
    new_ca,
    new_key,
    new_server_certificate,
    read_key,
    to_pem,
)
from firmware_config.credentials import Credentials, open_credentials
from firmware_config.inventory import Device
from tests.bundles import copy_of, sign, trusting

NAMES = ["broker.example", "10.0.0.7"]


def device(name: str) -> Device:
    return Device.model_validate({"site": "hq", "id": name, "profile": "pi5"})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "secrets"


@cache
def _filled_once() -> Path:
    """Made once: the disk takes its time for each file that must survive a power cut."""
    template = Path(mkdtemp()) / "secrets"
    atexit.register(rmtree, template.parent)
    use(open_credentials(template))
    return template


def use(made: Credentials) -> Credentials:
    made.for_device(device("north-door"))
    made.for_broker(NAMES)
    return made


def filled(folder: Path) -> Credentials:
    copytree(_filled_once(), folder)
    return open_credentials(folder)


def ca_that_ends(folder: Path, ends: timedelta) -> None:
    """Replace the CA's certificate by one of the same key that ends then."""
    key = read_key((folder / "ca.key").read_bytes(), "ca.key")
    began = datetime.now(timezone.utc) + ends - timedelta(days=3652)
    (folder / "ca.pem").write_bytes(to_pem(new_ca(key, began)))


def test_opened_again_it_is_the_same(folder: Path):
    first = use(open_credentials(folder))
    before = contents(folder)
    again = use(open_credentials(folder))
    assert contents(folder) == before
    assert again.for_device(device("north-door")) == first.for_device(device("north-door"))
    assert again.for_broker(NAMES) == first.for_broker(NAMES)


def test_folder_and_files_are_the_user_s_alone_whatever_the_umask(folder: Path):
    old = os.umask(0)
    try:
        use(open_credentials(folder))
    finally:
        os.umask(old)
    for path in (folder, *folder.rglob("*")):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_each_device_has_a_password_of_its_own_that_no_message_shows(folder: Path):
    made = open_credentials(folder)
    north, south = (made.for_device(device(name)) for name in ("north-door", "south-door"))
    assert len(north.password) >= 43
    assert north.password != south.password
    assert north.password not in repr(north)
    assert read_password_file("x", folder / "logins" / "north-door") == north.password


def test_a_rotated_password_is_another_one_and_leaves_the_others_alone(folder: Path):
    made = open_credentials(folder)
    names = ("north-door", "south-door")
    north, south = (made.for_device(device(name)) for name in names)
    made.rotate("north-door")
    again = open_credentials(folder)
    assert again.for_device(device("north-door")).password != north.password
    assert again.for_device(device("south-door")) == south


def test_a_login_that_is_not_there_cannot_be_rotated(folder: Path):
    made = filled(folder)
    for name in ("noth-door", "../ca.key"):
        with pytest.raises(MaskGateError, match=rf"login {name}: there is none"):
            made.rotate(name)
    with pytest.raises(MaskGateError, match="did you mean north-door"):
        made.rotate("noth-door")


def test_logins_of_devices_that_are_gone_are_named_and_can_be_forgotten(folder: Path):
    made = filled(folder)
    made.login("viewer")
    password = made.for_device(device("south-door")).password
    assert made.left_over(["north-door"]) == ["south-door"]
    made.forget("south-door")
    assert made.left_over(["north-door"]) == []
    assert made.for_device(device("south-door")).password != password


def test_a_password_that_somebody_wrote_into_the_file_is_taken(folder: Path):
    made = filled(folder)
    (folder / "logins" / "north-door").write_text("of my own\n")
    login = made.login("north-door")
    assert login.to_file().startswith(b"of my own\n$7$101$")
    assert made.login("north-door") == login


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\n"])
def test_a_login_without_a_password_is_refused(folder: Path, content: bytes):
    made = filled(folder)
    (folder / "logins" / "north-door").write_bytes(content)
    with pytest.raises(MaskGateError, match="expected a password in its first line"):
        made.login("north-door")


def test_the_broker_s_certificate_holds_by_python_s_strictest_checks(folder: Path):
    made = open_credentials(folder)
    shown = made.for_broker(NAMES)
    (folder / "shown.pem").write_bytes(shown.certificate + shown.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "shown.pem")
    client = ssl.create_default_context(cadata=made.ca_pem.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    for name, trusted in [(NAMES[0], True), (NAMES[1], True), ("other.example", False)]:
        assert shakes_hands(client, server, name) == trusted


def shakes_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> bool:
    """Let two ends talk to each other without a network."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(down, up, server_hostname=name),
        server.wrap_bio(up, down, server_side=True),
    ]
    for _ in range(5):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLCertVerificationError:
                return False
    return True


@pytest.mark.parametrize(
    ("names", "left", "anew"),
    [
        (NAMES, timedelta(days=61), False),
        (NAMES, timedelta(days=59), True),
        (NAMES, timedelta(days=-1), True),
        ([*NAMES, "more.example"], timedelta(days=700), True),
        (NAMES[:1], timedelta(days=700), True),
        ([*NAMES, NAMES[0]], timedelta(days=700), False),
    ],
)
def test_the_broker_s_certificate_is_renewed_when_it_is_due(
    folder: Path, names: list[str], left: timedelta, *, anew: bool
):
    made = filled(folder)
    key, ca_key = (read_key((folder / f"{n}.key").read_bytes(), n) for n in ("broker", "ca"))
    ca = x509.load_pem_x509_certificate(made.ca_pem)
    began = datetime.now(timezone.utc) + left - timedelta(days=730)
    old = to_pem(new_server_certificate(key, NAMES, ca, ca_key, began))
    (folder / "broker.pem").write_bytes(old)
    new = made.for_broker(names)
    assert (new.certificate != old) == anew
    assert made.for_broker(names) == new


def test_an_expired_certificate_of_the_broker_is_told(
    folder: Path, caplog: pytest.LogCaptureFixture
):
    made = filled(folder)
    key, ca_key = (read_key((folder / f"{n}.key").read_bytes(), n) for n in ("broker", "ca"))
    ca = x509.load_pem_x509_certificate(made.ca_pem)
    long_ago = datetime(2020, 1, 1, tzinfo=timezone.utc)
    (folder / "broker.pem").write_bytes(
        to_pem(new_server_certificate(key, NAMES, ca, ca_key, long_ago))
    )
    made.for_broker(NAMES)
    assert "it expired on 2021-12-31; it was made anew, give the broker" in caplog.text


def test_a_certificate_by_another_ca_is_replaced(folder: Path):
    made = filled(folder)
    (folder / "ca.pem").unlink()
    (folder / "ca.key").write_bytes(key_to_pem(new_key()))
    assert open_credentials(folder).for_broker(NAMES) != made.for_broker(NAMES)


def test_the_broker_s_certificate_does_not_outlive_a_ca_that_ends_soon(
    folder: Path, caplog: pytest.LogCaptureFixture
):
    filled(folder)
    ca_that_ends(folder, timedelta(days=30))
    with caplog.at_level(logging.WARNING):
        made = open_credentials(folder)
    assert "it expires on" in caplog.text
    shown = made.for_broker(NAMES)
    ends = x509.load_pem_x509_certificate(shown.certificate).not_valid_after_utc
    assert ends <= x509.load_pem_x509_certificate(made.ca_pem).not_valid_after_utc
    assert made.for_broker(NAMES) == shown  # not made anew each time


def test_an_expired_ca_is_named_with_what_to_do(folder: Path):
    filled(folder)
    ca_that_ends(folder, timedelta(days=-3))
    with pytest.raises(MaskGateError, match=r"CA .*ca.pem: it expired on .*move ca.pem and ca.key"):
        open_credentials(folder)


def remove(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def damage(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(b"noise")


def swap_ca_key(folder: Path) -> None:
    (folder / "ca.key").write_bytes(key_to_pem(new_key()))


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (remove("ca.key"), "its key ca.key is gone; bring it back"),
        (damage("ca.key"), r"key .*ca.key: expected the private key"),
        (damage("ca.pem"), r"certificate .*ca.pem: expected the one that was made there"),
        (swap_ca_key, "the key beside it is another one's"),
        (damage("bundle.key"), r"key .*bundle.key: expected an Ed25519 private key"),
        (lambda folder: (folder / "ca.key").chmod(0o640), r"this user's alone, found mode 0640"),
        (lambda folder: folder.chmod(0o755), "this user's alone, found mode 0755"),
    ],
)
def test_harm_is_named_and_nothing_is_replaced(
    folder: Path, harm: Callable[[Path], object], complaint: str
):
    filled(folder)
    harm(folder)
    before = contents(folder)
    with pytest.raises(MaskGateError, match=complaint):
        open_credentials(folder)
    assert contents(folder) == before


def test_a_power_cut_between_key_and_certificate_is_made_good(folder: Path):
    made = filled(folder)
    (folder / "ca.pem").unlink()
    again = open_credentials(folder)
    # Devices that have the old certificate still trust the broker's: the key is the same.
    issued = x509.load_pem_x509_certificate(again.for_broker(NAMES).certificate)
    issued.verify_directly_issued_by(x509.load_pem_x509_certificate(made.ca_pem))


def test_the_signing_key_signs_what_a_device_trusts(tmp_path: Path, folder: Path):
    made = open_credentials(folder)
    bundle = copy_of("compact", tmp_path / "compact")
    sign(bundle, made.bundle_key)
    load_trusted(bundle, trusting(tmp_path, made.bundle_key))
    assert read_public_key(made.bundle_public_key)


OPENS = """
import sys
from pathlib import Path
from firmware_config.credentials import open_credentials
print("ready", flush=True)
sys.stdin.readline()
made = open_credentials(Path(sys.argv[1]))
print([made.ca_pem, made.login("north-door").password, made.for_broker(["broker.example"])])
"""


@pytest.mark.slow
def test_processes_that_begin_at_once_make_the_same(folder: Path):
    folder.mkdir(0o700)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPENS, str(folder)],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    said = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(said) == 1


def git(folder: Path, *words: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *words], cwd=folder, env=clean, check=True, capture_output=True, text=True
    )
    return done.stdout


def test_git_leaves_the_folder_out_by_itself(tmp_path: Path, folder: Path):
    git(tmp_path, "init", "-q")
    use(open_credentials(folder))
    git(tmp_path, "add", "--all")
    assert git(tmp_path, "ls-files") == ""
    open_credentials(folder)


@pytest.mark.parametrize("way", ["tracked", "not ignored"])
def test_a_folder_of_which_git_keeps_something_is_refused(tmp_path: Path, folder: Path, way: str):
    git(tmp_path, "init", "-q")
    filled(folder)
    if way == "tracked":
        git(tmp_path, "add", "--force", "secrets/ca.key")
    else:
        (folder / ".gitignore").write_text("*.pem\n")
    with pytest.raises(MaskGateError, match=r"git does not ignore .* in it"):
        open_credentials(folder)


def test_the_top_of_a_work_tree_is_no_folder_of_secrets(tmp_path: Path):
    tmp_path.chmod(0o700)
    git(tmp_path, "init", "-q")
    with pytest.raises(MaskGateError, match="top of a git work tree"):
        open_credentials(tmp_path)
    assert not (tmp_path / ".gitignore").exists()


def test_an_empty_folder_that_others_can_look_into_is_closed(folder: Path):
    folder.mkdir(0o755)
    open_credentials(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_in_place_of_the_folder_is_refused(folder: Path):
    folder.write_text("x")
    with pytest.raises(MaskGateError, match="expected a folder, found something else"):
        open_credentials(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_what_sudo_makes_belongs_to_whose_folder_it_is(tmp_path: Path, folder: Path):
    os.chown(tmp_path, 1234, 1234)
    use(open_credentials(folder))
    assert {p.stat().st_uid for p in (folder, *folder.rglob("*"))} == {1234}
