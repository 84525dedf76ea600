"""`maskgate-convert key` and `sign`."""

import os
import pty
import signal
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from convert.cli import PASSWORD_VARIABLE, main
from edge.bundle import load_bundle
from edge.trust.gate import load_trusted
from edge.trust.signature import read_signature
from tests.bundles import MODEL, copy_of, new_key, sign, trusting, zipped


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return copy_of("compact", tmp_path / "compact")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return new_key(tmp_path)


def convert(*words: object, phrase: str | None = None) -> Result:
    return CliRunner().invoke(main, [*map(str, words)], env={PASSWORD_VARIABLE: phrase})


def contents(place: Path) -> dict[str, bytes]:
    """All files under a folder, or of a zip."""
    if place.is_file():
        with zipfile.ZipFile(place) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    files = (path for path in place.rglob("*") if path.is_file())
    return {str(path.relative_to(place)): path.read_bytes() for path in files}


def test_a_new_key_signs_a_bundle_that_the_device_then_trusts(tmp_path: Path, bundle: Path) -> None:
    key = tmp_path / "door.key"
    made = convert("key", "--out", key)
    assert made.exit_code == 0, made.output
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "PRIVATE KEY" not in made.output
    signed = convert("sign", bundle, "--key", key)
    assert signed.exit_code == 0, signed.output
    fingerprint = signed.stderr.split()[-1]
    assert fingerprint in made.stderr
    load_trusted(bundle, trusting(tmp_path, key))


def test_the_signature_is_one_that_openssl_verifies(
    tmp_path: Path, bundle: Path, key: Path
) -> None:
    sign(bundle, key)
    (tmp_path / "signature").write_bytes((bundle / "manifest.sig").read_bytes()[32:])
    words = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", f"{key}.pub", "-rawin"]
    files = ["-in", str(bundle / "manifest.json"), "-sigfile", str(tmp_path / "signature")]
    subprocess.run([*words, *files], check=True, capture_output=True)


@pytest.mark.parametrize("within", ["", "compact/"])
def test_a_zip_is_signed_and_keeps_all_that_it_holds(
    tmp_path: Path, bundle: Path, key: Path, within: str
) -> None:
    (bundle / "README").write_text("by the way")
    place = zipped(bundle, within)
    before = contents(place)
    sign(place, key)
    load_trusted(place, trusting(tmp_path, key))
    after = contents(place)
    assert after.pop(f"{within}manifest.sig")
    assert after == before
    once = place.read_bytes()
    sign(place, key)
    assert place.read_bytes() == once


@pytest.mark.parametrize("as_zip", [False, True])
def test_signing_again_replaces_the_signature(
    tmp_path: Path,
    bundle: Path,
    key: Path,
    as_zip: bool,  # noqa: FBT001
) -> None:
    place = zipped(bundle) if as_zip else bundle
    other = new_key(tmp_path, "other.key")
    sign(place, other)
    sign(place, key)
    load_trusted(place, trusting(tmp_path, key))
    assert sum("manifest.sig" in name for name in contents(place)) == 1


SIGNING = """
import os, signal, sys
from pathlib import Path
from tests.bundles import sign
put = Path.replace
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
{what}
sign(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("as_zip", [False, True])
@pytest.mark.parametrize("what", ["Path.replace = die", "os.fsync = die"])
def test_killed_while_signing_the_old_signature_stays(
    tmp_path: Path,
    bundle: Path,
    key: Path,
    what: str,
    as_zip: bool,  # noqa: FBT001
) -> None:
    place = zipped(bundle) if as_zip else bundle
    other = new_key(tmp_path, "other.key")
    sign(place, other)
    before = contents(place)
    words = [sys.executable, "-c", SIGNING.format(what=what), str(place), str(key)]
    done = subprocess.run(words, cwd=Path(__file__).parent.parent, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    after = contents(place)
    after.pop(".manifest.sig.part", None)
    assert after == before
    load_trusted(place, trusting(tmp_path, other))
    sign(place, key)
    load_trusted(place, trusting(tmp_path, key))
    assert not list(tmp_path.rglob("*.part"))


def test_a_damaged_bundle_is_not_signed(bundle: Path, key: Path) -> None:
    path = bundle / MODEL.path
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    done = convert("sign", bundle, "--key", key)
    assert done.exit_code == 2
    assert "its SHA-256 differs" in done.stderr
    assert not (bundle / "manifest.sig").exists()


def test_a_signature_that_is_a_link_is_not_written_through(bundle: Path, key: Path) -> None:
    mine = bundle.parent / "mine"
    mine.write_text("mine")
    (bundle / "manifest.sig").symlink_to(mine)
    done = convert("sign", bundle, "--key", key)
    assert done.exit_code == 2
    assert "its manifest.sig is a link" in done.stderr
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("taken", ["door.key", "door.key.pub"])
def test_a_key_is_never_replaced(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("mine")
    done = convert("key", "--out", tmp_path / "door.key")
    assert done.exit_code == 2
    assert f"{taken}: it is already there, and a key is never replaced" in done.stderr
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(taken, "mine")]


def test_a_key_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "door.key.pub").write_text("mine")
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    assert convert("key", "--out", tmp_path / "door.key").exit_code == 2
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "door.key").symlink_to(tmp_path / "elsewhere")
    assert convert("key", "--out", tmp_path / "door.key").exit_code == 2
    assert not (tmp_path / "elsewhere").exists()


def test_a_key_half_made_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def full(path: Path, *rest: int) -> int:
        if str(path).endswith(".pub"):
            raise OSError(28, "No space left on device")
        return real(path, *rest)

    monkeypatch.setattr(os, "open", full)
    done = convert("key", "--out", tmp_path / "door.key")
    assert done.exit_code == 2
    assert "cannot be written (No space left on device)" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_key_with_a_password_takes_it_from_the_environment(tmp_path: Path, bundle: Path) -> None:
    key = tmp_path / "door.key"
    assert convert("key", "--out", key, "--password", phrase="opensesame").exit_code == 0
    assert b"ENCRYPTED" in key.read_bytes()
    wrong = convert("sign", bundle, "--key", key, phrase="sesame")
    assert wrong.exit_code == 2
    assert "the password is wrong or the file is damaged" in wrong.stderr
    nobody = convert("sign", bundle, "--key", key)
    assert nobody.exit_code == 2
    assert f"set {PASSWORD_VARIABLE}, or call this from a terminal" in nobody.stderr
    assert not (bundle / "manifest.sig").exists()
    assert convert("sign", bundle, "--key", key, phrase="opensesame").exit_code == 0
    assert read_signature(load_bundle(bundle))


def test_in_a_terminal_the_password_is_asked_for_and_not_shown(
    tmp_path: Path, bundle: Path
) -> None:
    key = tmp_path / "door.key"
    assert convert("key", "--out", key, "--password", phrase="opensesame").exit_code == 0
    program = "from convert.cli import main; main()"
    words = [sys.executable, "-c", program, "sign", str(bundle), "--key", str(key)]
    child, terminal = pty.fork()
    if child == 0:
        os.environ.pop(PASSWORD_VARIABLE, None)
        os.execv(words[0], words)  # noqa: S606
    shown = os.read(terminal, 1000)
    while b"password of" not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, b"opensesame\n")
    try:
        while more := os.read(terminal, 1000):
            shown += more
    except OSError:  # Linux says so when the other end has closed.
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, shown
    assert b"opensesame" not in shown
    assert read_signature(load_bundle(bundle))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "expected an Ed25519 private key in PEM"),
        (b"-----BEGIN PUBLIC KEY-----\n", "it is a public key; expected the private one"),
        (b"-----BEGIN PRIVATE KEY-----\nAA\n", "expected an Ed25519 private key in PEM"),
        (bytes(20_000), "too large for a key"),
    ],
)
def test_what_is_no_private_key_is_refused_in_one_line(
    tmp_path: Path, bundle: Path, content: bytes | None, expected: str
) -> None:
    key = tmp_path / "some.key"
    if content is not None:
        key.write_bytes(content)
    done = convert("sign", bundle, "--key", key)
    assert done.exit_code == 2
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (bundle / "manifest.sig").exists()


def test_a_zip_with_an_entry_that_fills_the_memory_is_not_signed(
    bundle: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.trust.signing.MODEL_LIMIT", 1_000_000)
    (bundle / "zeros").write_bytes(bytes(1_000_001))
    place = zipped(bundle)
    before = place.read_bytes()
    done = convert("sign", place, "--key", key)
    assert done.exit_code == 2
    assert "zeros has more than 1000000 bytes" in done.stderr
    assert place.read_bytes() == before
    assert not list(bundle.parent.glob(".*"))


@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "1.0.0-rc1"])
def test_a_version_that_is_not_three_numbers_is_refused_before_any_work(
    tmp_path: Path, version: str
) -> None:
    done = convert("model", tmp_path, "--out", tmp_path / "new", "--version", version)
    assert done.exit_code == 2
    assert f"expected three numbers, e.g. 2.0.1; found {version}" in done.stderr
