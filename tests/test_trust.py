"""Whose bundles a device runs, and that it does not go back to older ones."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.cli import main
from edge.config import Settings
from edge.errors import MaskGateError
from edge.nets import OpenNets
from edge.trust.gate import load_trusted
from edge.vision.classifier import Classifier
from tests.bundles import MODEL, copy_of, new_key, rewrite, sign, trusting, zipped

Spoil = Callable[[Path], object]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The device's key, and somebody else's."""
    folder = tmp_path_factory.mktemp("keys")
    return new_key(folder), new_key(folder, "other.key")


@pytest.fixture
def bundle(tmp_path: Path, keys: tuple[Path, Path]) -> Path:
    """A classifier's bundle, signed by the device's key."""
    place = copy_of("compact", tmp_path / "compact")
    sign(place, keys[0])
    return place


def load(place: Path, settings: Settings) -> Classifier:
    return Classifier(load_trusted(place, settings), settings.classifier)


def byte_altered(name: str, at: int) -> Spoil:
    def alter(bundle: Path) -> None:
        data = bytearray((bundle / name).read_bytes())
        data[at] ^= 1
        (bundle / name).write_bytes(data)

    return alter


def cut_off(name: str, count: int) -> Spoil:
    return lambda bundle: (bundle / name).write_bytes((bundle / name).read_bytes()[:count])


def other_licence(bundle: Path) -> None:
    """One byte of the manifest, which stays a good one."""
    path = bundle / "manifest.json"
    text = path.read_text()
    assert '"licence": "Apache-2.0"' in text
    path.write_text(text.replace('"licence": "Apache-2.0"', '"licence": "Apache-2.1"'))


def one_space_more(bundle: Path) -> None:
    (bundle / "manifest.json").write_bytes((bundle / "manifest.json").read_bytes() + b" ")


def signature_of_another_bundle(bundle: Path) -> None:
    """Signed by the right key, but of something else."""
    shutil.copytree(bundle, bundle.with_name("newer"))
    rewrite(bundle, version="1.0.0")


REFUSED: list[tuple[Spoil, str]] = [
    (lambda bundle: (bundle / "manifest.sig").unlink(), "it is not signed, expected a signature"),
    (other_licence, "its manifest.sig does not fit its manifest.json; one of them was altered"),
    (one_space_more, "does not fit its manifest.json"),
    (signature_of_another_bundle, "does not fit its manifest.json"),
    (byte_altered(MODEL.path, 1000), "its SHA-256 differs from the manifest's; it was altered"),
    (byte_altered(MODEL.path, -1), "its SHA-256 differs"),
    (cut_off(MODEL.path, 1000), f"expected {MODEL.size} bytes, found 1000"),
    (byte_altered("manifest.sig", 0), "does not fit its manifest.json"),
    (byte_altered("manifest.sig", 31), "does not fit its manifest.json"),
    (byte_altered("manifest.sig", 32), "does not fit its manifest.json"),
    (byte_altered("manifest.sig", 95), "does not fit its manifest.json"),
    (cut_off("manifest.sig", 95), "is damaged, expected 96 bytes, found 95 bytes"),
    (cut_off("manifest.sig", 0), "is damaged, expected 96 bytes, found 0 bytes"),
    (
        lambda bundle: (bundle / "manifest.sig").write_bytes(bytes(10_000_000)),
        "is damaged, expected 96 bytes, found more",
    ),
    (lambda bundle: (bundle / "manifest.sig").write_bytes(bytes(96)), "does not fit"),
]


@pytest.mark.parametrize("as_zip", [False, True])
@pytest.mark.parametrize(("spoil", "expected"), REFUSED)
def test_what_the_keys_owner_did_not_sign_is_refused_in_one_line(
    tmp_path: Path,
    keys: tuple[Path, Path],
    bundle: Path,
    spoil: Spoil,
    expected: str,
    as_zip: bool,  # noqa: FBT001
) -> None:
    spoil(bundle)
    place = zipped(bundle) if as_zip else bundle
    with pytest.raises(MaskGateError) as caught:
        load(place, trusting(tmp_path, keys[0]))
    assert expected in str(caught.value)
    assert str(place) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_byte_of_the_signature_counts(
    tmp_path: Path, keys: tuple[Path, Path], bundle: Path
) -> None:
    settings = trusting(tmp_path, keys[0])
    for at in range(96):
        byte_altered("manifest.sig", at)(bundle)
        with pytest.raises(MaskGateError):
            load_trusted(bundle, settings)
        byte_altered("manifest.sig", at)(bundle)
    load_trusted(bundle, settings)


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_bundle_signed_by_another_key_is_refused_and_both_keys_are_named(
    tmp_path: Path,
    keys: tuple[Path, Path],
    bundle: Path,
    as_zip: bool,  # noqa: FBT001
) -> None:
    mine, other = keys
    ours = sign(bundle, mine)
    theirs = sign(bundle, other)
    place = zipped(bundle) if as_zip else bundle
    with pytest.raises(MaskGateError) as caught:
        load(place, trusting(tmp_path, mine))
    assert f"signed by key {theirs}, expected a signature by key {ours} (door.key.pub)" in str(
        caught.value
    )
    load(place, trusting(tmp_path, mine, other))


def test_a_signed_bundle_of_an_unknown_schema_is_refused(
    tmp_path: Path, keys: tuple[Path, Path], bundle: Path
) -> None:
    rewrite(bundle, schema=2)
    with pytest.raises(MaskGateError, match="has schema 2, expected 1; update maskgate"):
        load(bundle, trusting(tmp_path, keys[0]))


def test_without_keys_no_signature_is_asked_for(tmp_path: Path, bundle: Path) -> None:
    (bundle / "manifest.sig").write_bytes(b"nonsense")
    settings = trusting(tmp_path, classifier={"bundle": bundle})
    OpenNets(settings)
    assert not (tmp_path / "state" / "accepted-bundles.json").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "expected an Ed25519 public key in PEM"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "expected an Ed25519"),
        (b"-----BEGIN PRIVATE KEY-----\n", "it is a private key, which no device should have"),
        (bytes(100_000), "too large for a key"),
    ],
)
def test_a_key_that_is_none_stops_the_device_with_one_line(
    tmp_path: Path, bundle: Path, content: bytes | None, expected: str
) -> None:
    if content is not None:
        (tmp_path / "door.key.pub").write_bytes(content)
    with pytest.raises(MaskGateError) as caught:
        load_trusted(bundle, trusting(tmp_path, tmp_path / "door.key"))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_of_another_kind_is_refused(tmp_path: Path, bundle: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    other = X25519PrivateKey.generate().public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "door.key.pub").write_bytes(pem)
    with pytest.raises(MaskGateError, match="found another kind"):
        load_trusted(bundle, trusting(tmp_path, tmp_path / "door.key"))


def test_the_settings_name_keys_by_file_and_by_environment(
    tmp_path: Path, keys: tuple[Path, Path], bundle: Path
) -> None:
    file = tmp_path / "maskgate.toml"
    file.write_text(f"[trust]\nkeys = ['{keys[1]}.pub']\n[classifier]\nbundle = '{bundle}'\n")
    state = {"XDG_STATE_HOME": str(tmp_path)}
    done = CliRunner().invoke(main, ["check", "--config", str(file)], env=state)
    assert done.exit_code == 2
    assert "models/maskgate: it is not signed" in done.output
    assert "(other.key.pub)" in done.output
    assert len(done.output.splitlines()) == 2
    given = {**state, "MASKGATE_TRUST__KEYS": f"['{keys[0]}.pub']"}
    done = CliRunner().invoke(main, ["check", "--config", str(file)], env=given)
    assert "models/maskgate: it is not signed" in done.output
    assert len(done.output.splitlines()) == 1


@pytest.mark.parametrize("words", [("check",), ("bench", "--threads", "1"), ("probe",)])
def test_no_command_of_the_device_runs_a_bundle_that_it_does_not_trust(
    words: tuple[str, ...], tmp_path: Path, keys: tuple[Path, Path], bundle: Path
) -> None:
    (bundle / "manifest.sig").unlink()
    detector = copy_of("mtcnn", tmp_path / "mtcnn")
    sign(detector, keys[0])
    file = tmp_path / "maskgate.toml"
    file.write_text(
        f"[trust]\nkeys = ['{keys[0]}.pub']\n[detector]\nbundle = '{detector}'\n"
        f"[classifier]\nbundle = '{bundle}'\naccelerator = 'delegate:/nowhere/libx.so'\n"
    )
    state = {"XDG_STATE_HOME": str(tmp_path)}
    done = CliRunner().invoke(main, [words[0], "--config", str(file), *words[1:]], env=state)
    assert done.exit_code == 2
    assert f"{bundle}: it is not signed" in done.output
    assert len(done.output.splitlines()) == 1  # The delegate was not even looked for.
