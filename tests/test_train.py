"""Training on pictures that the tests make: two public-domain faces, with and without a mask."""

import json
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from edge.bundle import MODELS, load_bundle
from edge.config import Classifier as ClassifierSettings
from edge.config import Detector
from edge.demo.portraits import COLLINS, HOPPER, find_photo
from edge.errors import MaskGateError
from edge.finder import detector_in
from edge.sources.pictures import read_picture
from edge.vision.classifier import Classifier
from edge.vision.cut import whole_picture
from edge.vision.regions import Detector as Finder
from train.data.annotations import BARE, MASKED, LabelledFace
from train.data.patches import Patch, collect_patches
from train.feed.augment import augmented_cut
from train.feed.masks import with_mask


def write_picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels[:, :, ::-1])


@pytest.fixture(scope="module")
def detector() -> Finder:
    settings = Detector()
    return detector_in(load_bundle(settings.bundle), settings)


@pytest.fixture(scope="module")
def bare(detector: Finder) -> list[Patch]:
    """The two faces as patches, with the landmarks that the detector finds."""
    photos = [find_photo(portrait) for portrait in (COLLINS, HOPPER)]
    faces = [LabelledFace(photo, BARE, None, photo.name, "portraits") for photo in photos]
    return [patch for patch in collect_patches(faces, detector) if patch.landmarks is not None]


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory, bare: list[Patch]) -> Path:
    """A data folder of crops, 60 of each class."""
    folder = tmp_path_factory.mktemp("crops")
    rng = np.random.default_rng(1)
    for number in range(60):
        patch = bare[number % 2]
        face = augmented_cut(patch, 96, 0.4, rng, patch.pixels)
        write_picture(folder / BARE / f"{number}.png", face)
        face = augmented_cut(with_mask(patch, rng), 96, 0.4, rng, patch.pixels)
        write_picture(folder / MASKED / f"{number}.png", face)
    return folder


def test_a_drawn_mask_covers_the_mouth_and_leaves_the_eyes(bare: list[Patch]) -> None:
    rng = np.random.default_rng(0)
    for patch in bare:
        masked = with_mask(patch, rng)
        changed = np.abs(masked.pixels.astype(int) - patch.pixels).sum(axis=2) > 20
        landmarks = patch.landmarks
        assert landmarks is not None
        mouth = (np.array(landmarks.mouth_left) + landmarks.mouth_right) / 2
        assert changed[round(mouth[1]), round(mouth[0])]
        for x, y in (landmarks.left_eye, landmarks.right_eye):
            assert not changed[round(y), round(x)]
        assert masked.label == MASKED


def test_the_same_seed_gives_the_same_pictures(bare: list[Patch]) -> None:
    one, two = (
        augmented_cut(bare[0], 64, 0.25, np.random.default_rng(3), bare[1].pixels) for _ in range(2)
    )
    assert (one == two).all()


def test_too_little_data_is_refused_and_leaves_no_run(tmp_path: Path, bare: list[Patch]) -> None:
    from click.testing import CliRunner

    from train.cli import main as train

    write_picture(tmp_path / "data" / BARE / "1.png", bare[0].pixels)
    write_picture(tmp_path / "data" / MASKED / "1.png", bare[1].pixels)
    run = tmp_path / "run"
    done = CliRunner().invoke(train, ["compact", str(tmp_path / "data"), "--out", str(run)])
    assert done.exit_code == 2
    assert "expected at least 2 faces of each class" in done.output
    assert not run.exists()


def test_the_papers_cnn_has_the_papers_number_of_parameters() -> None:
    from train.models.cnn import PARAMETERS, cnn_model

    assert cnn_model().count_params() == PARAMETERS == 3_371_785


def multiply_adds(model: keras.Model) -> int:
    """Of one picture's way through the convolutions and dense layers."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            places = int(np.prod(layer.output.shape[1:-1]))
            total += places * int(np.prod(layer.kernel.shape))
    return total


def test_the_devices_model_is_small_beside_the_papers() -> None:
    from train.models.cnn import cnn_model
    from train.models.compact import compact_model

    compact = compact_model()
    assert compact.count_params() <= 300_000
    assert multiply_adds(compact) < multiply_adds(cnn_model()) / 10


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_training_becomes_a_bundle_that_tells_masked_from_bare(
    crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from convert.cli import main as convert
    from train.cli import main as train
    from train.fitting import compact as training

    monkeypatch.setattr(training, "BATCH", 32)  # Half the work, and as many steps.
    run, out = tmp_path / "run", tmp_path / "bundle"
    trained = CliRunner().invoke(train, ["compact", str(crops), "--out", str(run), "--epochs", "6"])
    assert trained.exit_code == 0, trained.output
    converted = CliRunner().invoke(convert, ["model", str(run), "--out", str(out)])
    assert converted.exit_code == 0, converted.output
    bundle = load_bundle(out)
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["validation"]["faces"] == bundle.manifest.measured["faces"]
    classifier = Classifier(bundle, ClassifierSettings())
    right = 0
    pictures = [*(crops / MASKED).iterdir(), *(crops / BARE).iterdir()]
    for path in pictures:
        pixels = read_picture(path)
        label, _ = classifier.label(classifier.classify(pixels, whole_picture(pixels)))
        right += label == path.parent.name
    assert right / len(pictures) > 0.8


@pytest.mark.parametrize("missing", ["recipe.json", "metrics.json", "faces.npz", "model.keras"])
@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut short"])
def test_a_run_that_lacks_a_part_is_refused_in_one_line(
    tmp_path: Path, missing: str, content: bytes | None
) -> None:
    from convert.trained_run import read_run

    run = tmp_path / "run"
    run.mkdir()
    for name in ("recipe.json", "metrics.json"):
        (run / name).write_text("{}")
    np.savez(run / "faces.npz", masked=np.zeros(1))
    (run / missing).unlink(missing_ok=True)
    if content is not None:
        (run / missing).write_bytes(content)
    with pytest.raises(MaskGateError, match="expected what maskgate-train writes") as caught:
        read_run(run)
    assert str(run) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_committed_bundle_is_small_and_says_how_it_was_measured() -> None:
    bundle = load_bundle(MODELS / "compact")
    assert len(bundle.model("classifier")) <= 400_000
    for found in bundle.manifest.measured["conversion"]["forms"]["uint8"].values():
        assert found["accuracy"] >= 0.97
