"""A device that ran a version of a bundle runs no older one, unless it is told to."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.bundle import load_bundle
from edge.check import check
from edge.config import Settings
from edge.errors import MaskGateError
from edge.nets import OpenNets
from edge.predict import predict
from edge.trust.gate import load_trusted
from edge.vision.classifier import Classifier
from tests.bundles import copy_of, new_key, rewrite, sign, trusting


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return new_key(tmp_path)


@pytest.fixture
def bundle(tmp_path: Path, key: Path) -> Path:
    """A classifier's bundle, version 2.0.0, signed by the device's key."""
    place = copy_of("compact", tmp_path / "compact")
    rewrite(place, version="2.0.0")
    sign(place, key)
    return place


@pytest.fixture
def settings(tmp_path: Path, key: Path, bundle: Path) -> Settings:
    """A device with a signed detector and a signed classifier of version 2.0.0."""
    detector = copy_of("mtcnn", tmp_path / "mtcnn")
    sign(detector, key)
    return trusting(
        tmp_path,
        key,
        detector={"bundle": detector},
        classifier={"bundle": bundle},
    )


@pytest.fixture
def release(bundle: Path, key: Path) -> Callable[[str], None]:
    """Puts another version of the classifier in the place of the one that is there."""

    def put(version: str, **fields: Any) -> None:
        rewrite(bundle, version=version, **fields)
        sign(bundle, key)

    return put


def faults(settings: Settings, folder: Path) -> list[str]:
    """What check finds wrong, with these settings in a file."""
    sections = settings.model_dump(mode="json", exclude_unset=True)
    file = folder / "maskgate.toml"
    file.write_text(
        "".join(
            f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
            for name, keys in sections.items()
        )
    )
    return check(file).faults


def accepted(settings: Settings) -> Path:
    assert settings.outbox.path
    return settings.outbox.path.with_name("accepted-bundles.json")


def versions(settings: Settings) -> dict[str, str]:
    found: dict[str, str] = json.loads(accepted(settings).read_text())["versions"]
    return found


def test_an_older_version_is_refused(
    settings: Settings, release: Callable[..., None], tmp_path: Path
) -> None:
    picture = tmp_path / "x.png"
    picture.touch()
    OpenNets(settings)
    for version in ("1.9.9", "0.10.0"):
        release(version)
        expected = f"it is compact {version}, expected 2.0.0, which this device ran already"
        with pytest.raises(MaskGateError, match=expected) as caught:
            OpenNets(settings)
        assert "set trust.allow_older = true" in str(caught.value)
        assert any(expected in fault for fault in faults(settings, tmp_path))
        with pytest.raises(MaskGateError, match=expected):
            predict([picture], tmp_path / "x.csv", settings, crops=True)
    release("2.0.0")
    OpenNets(settings)


def test_a_newer_version_runs_and_is_the_least_from_then_on(
    settings: Settings, release: Callable[..., None]
) -> None:
    OpenNets(settings)
    release("2.0.10")
    OpenNets(settings)
    assert versions(settings) == {
        "face-detection/mtcnn": load_bundle(settings.detector.bundle).manifest.version,
        "mask-classification/compact": "2.0.10",
    }
    release("2.0.9")
    with pytest.raises(MaskGateError, match=r"expected 2\.0\.10"):
        OpenNets(settings)


def test_another_bundles_versions_are_its_own(
    settings: Settings, release: Callable[..., None]
) -> None:
    OpenNets(settings)
    release("1.0.0", name="vgg16")
    OpenNets(settings)
    assert versions(settings)["mask-classification/vgg16"] == "1.0.0"
    assert versions(settings)["mask-classification/compact"] == "2.0.0"


def test_checking_and_looking_remember_nothing(settings: Settings, tmp_path: Path) -> None:
    assert faults(settings, tmp_path) == []
    Classifier(load_trusted(settings.classifier.bundle, settings), settings.classifier)
    assert not accepted(settings).exists()


def test_a_bundle_that_does_not_load_is_not_remembered(
    settings: Settings, release: Callable[..., None]
) -> None:
    OpenNets(settings)
    before = accepted(settings).read_bytes()
    release("3.0.0", labels=["face_with_mask", "face_no_mask", "c"])
    with pytest.raises(MaskGateError, match="names 3 labels"):
        OpenNets(settings)
    assert accepted(settings).read_bytes() == before


def test_going_back_on_purpose_makes_the_older_one_the_least(
    settings: Settings, release: Callable[..., None]
) -> None:
    OpenNets(settings)
    release("1.0.0")
    trust = settings.trust.model_copy(update={"allow_older": True})
    OpenNets(settings.model_copy(update={"trust": trust}))
    assert versions(settings)["mask-classification/compact"] == "1.0.0"
    OpenNets(settings)  # No need for allow_older any more.
    release("0.9.0")
    with pytest.raises(MaskGateError, match=r"expected 1\.0\.0"):
        OpenNets(settings)


def test_the_file_is_not_written_again_without_need(settings: Settings) -> None:
    OpenNets(settings)
    before = accepted(settings).stat()
    OpenNets(settings)
    assert accepted(settings).stat() == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 200,
        b"nonsense",
        b"[" * 90_000,
        b'{"schema": 1}',
        b'{"schema": 9, "versions": {}}',
        b'{"schema": 1, "versions": {"mask-classification/compact": "new"}}',
        b'{"schema": 1, "versions": ["2.0.0"]}',
        None,
    ],
)
def test_a_damaged_file_is_told_of_and_does_not_stop_the_device(
    settings: Settings, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = accepted(settings)
    path.parent.mkdir()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    OpenNets(settings)
    assert "cannot be read" in caplog.text
    assert "check that the version is right" in caplog.text
    assert versions(settings)["mask-classification/compact"] == "2.0.0"
    damaged = path.with_name("accepted-bundles.json.damaged")
    assert damaged.is_dir() if content is None else damaged.read_bytes() == content
    caplog.clear()
    OpenNets(settings)
    assert caplog.text == ""


def test_a_damaged_file_lets_no_unsigned_bundle_in(settings: Settings) -> None:
    accepted(settings).parent.mkdir()
    accepted(settings).write_bytes(b"nonsense")
    (settings.classifier.bundle / "manifest.sig").unlink()
    with pytest.raises(MaskGateError, match="it is not signed"):
        OpenNets(settings)


def test_a_version_edited_too_high_has_a_way_out(
    settings: Settings,
) -> None:
    OpenNets(settings)
    text = accepted(settings).read_text()
    accepted(settings).write_text(text.replace("2.0.0", "999999.0.0"))
    with pytest.raises(MaskGateError, match=r"set trust\.allow_older = true for one run"):
        OpenNets(settings)
    trust = settings.trust.model_copy(update={"allow_older": True})
    OpenNets(settings.model_copy(update={"trust": trust}))
    OpenNets(settings)


def test_a_file_that_cannot_be_written_is_told_of_and_does_not_stop_the_device(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    assert settings.outbox.path
    settings.outbox.path.parent.write_text("a file where the folder should be")
    OpenNets(settings)
    assert "cannot be written" in caplog.text
