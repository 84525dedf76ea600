"""Pretrained networks, with random weights in the place of ImageNet's."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from click.testing import CliRunner

from edge.errors import MaskGateError
from edge.runtime.model import open_model
from tests.backbones import SIZE, drawn_face, drawn_material, random_weights
from train.cli import main
from train.feed.faces import device_cuts
from train.fitting.backbone import (
    Pretrained,
    backbone_kind,
    compiled,
    head_model,
    joined,
    train_backbone,
    unfreeze,
)
from train.fitting.fit import Plan
from train.models import backbone as module
from train.models.backbone import backbone_names, load_backbone
from train.models.squeezenet import MEAN, squeezenet

PICTURES = np.random.default_rng(5).integers(0, 256, (2, SIZE, SIZE, 3)).astype(np.float32)
Files = dict[str, Path]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Files of random weights, by network."""
    folder = tmp_path_factory.mktemp("weights")
    return {name: random_weights(folder, name) for name in ("VGG16", "MobileNetV2", "SqueezeNet")}


def features_of(name: str, weights: Path) -> np.ndarray:
    backbone = load_backbone(name, weights, SIZE)
    pixels = backbone.pixels()
    return np.asarray(keras.Model(pixels, backbone.features_of(pixels))(PICTURES))


def test_vgg16_and_its_head_have_the_papers_number_of_parameters(files: Files) -> None:
    backbone = load_backbone("vgg16", files["VGG16"])
    model = joined(backbone, head_model(512))
    assert model.input_shape == (None, 224, 224, 3)
    assert model.count_params() == 14_879_041
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == 164_353


def test_vgg16_is_shown_what_it_was_trained_on(files: Files) -> None:
    """Blue, green, red, less ImageNet's mean; once, and not divided by 255."""
    plain = keras.applications.VGG16(
        include_top=False, weights=None, input_shape=(SIZE, SIZE, 3), pooling="avg"
    )
    plain.load_weights(files["VGG16"])
    given = keras.applications.vgg16.preprocess_input(PICTURES.copy())
    np.testing.assert_allclose(
        given, PICTURES[..., ::-1] - (103.939, 116.779, 123.68), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(
        features_of("VGG16", files["VGG16"]), np.asarray(plain(given)), rtol=1e-4, atol=1e-6
    )


def test_squeezenet_is_shown_what_it_was_trained_on(files: Files) -> None:
    plain = squeezenet((SIZE, SIZE, 3), top=False)
    plain.load_weights(files["SqueezeNet"])
    given = (PICTURES - np.array(MEAN, np.float32))[..., ::-1]
    np.testing.assert_allclose(
        features_of("squeezenet", files["SqueezeNet"]),
        np.asarray(plain(given)).mean((1, 2)),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("name", "scale", "offset"),
    [
        ("MobileNetV2", [1 / 127.5] * 3, [-1.0] * 3),
        ("DenseNet121", [1 / 255 / s for s in (0.229, 0.224, 0.225)], [-2.1179, -2.0357, -1.8044]),
        ("MobileNetV3Small", None, None),  # has it inside
        ("ResNet50", [1.0] * 3, [-123.68, -116.779, -103.939]),
    ],
)
def test_each_network_is_preprocessed_its_own_way(
    name: str, scale: list[float] | None, offset: list[float] | None, tmp_path: Path
) -> None:
    preprocessing = load_backbone(name, random_weights(tmp_path, name, 32), 32).preprocessing
    if scale is None:
        assert preprocessing is None
        return
    assert preprocessing is not None
    assert preprocessing.scale == pytest.approx(scale)
    assert preprocessing.offset == pytest.approx(offset, abs=1e-4)


def test_a_file_of_efficientnet_gives_what_its_download_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras adds a scaling to EfficientNet where it downloads the weights itself."""
    file = random_weights(tmp_path, "EfficientNetB0", 32)
    monkeypatch.setattr(keras.src.utils.file_utils, "get_file", lambda *_, **__: file)
    downloaded = load_backbone("EfficientNetB0", None, 32)
    from_file = load_backbone("EfficientNetB0", file, 32)
    pictures = PICTURES[:, :32, :32]
    one, other = np.asarray(from_file.core(pictures)), np.asarray(downloaded.core(pictures))
    np.testing.assert_allclose(one, other, atol=np.abs(other).max() / 1000)


def test_networks_are_known_by_name_in_any_case(files: Files) -> None:
    assert load_backbone("SQUEEZEnet", files["SqueezeNet"], SIZE).name == "SqueezeNet"
    assert {"VGG19", "ResNet50", "EfficientNetB0", "SqueezeNet"} <= set(backbone_names())


def test_weights_are_named_by_their_values(files: Files, tmp_path: Path) -> None:
    one = load_backbone("SqueezeNet", files["SqueezeNet"], SIZE)
    same = load_backbone("SqueezeNet", files["SqueezeNet"], 48)
    network = squeezenet((SIZE, SIZE, 3), top=False)
    network.save_weights(tmp_path / "others.weights.h5")
    others = load_backbone("SqueezeNet", tmp_path / "others.weights.h5", SIZE)
    assert one.sha256 == same.sha256 != others.sha256


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("VGG61", 64, "did you mean VGG19, VGG16"),
        ("nothing like it", 64, "expected a network of keras.applications or SqueezeNet"),
        ("VGG16", 16, "VGG16 for 16x16 pixels: Input size must be at least 32x32"),
        ("SqueezeNet", 16, "at least 32x32"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(name: str, size: int, expected: str) -> None:
    with pytest.raises(MaskGateError, match=expected):
        load_backbone(name, Path("file.h5"), size)


def test_weights_that_do_not_fit_are_refused_in_one_line(files: Files, tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no HDF5")
    (tmp_path / "text.weights.h5").write_text("no HDF5")
    (tmp_path / "weights.bin").write_bytes(b"")
    for file, expected in (
        (tmp_path / "missing.h5", "no such file; expected those of SqueezeNet"),
        (tmp_path / "text.h5", "expected the .h5 file of SqueezeNet without its top"),
        (tmp_path / "text.weights.h5", "expected the .h5 file of SqueezeNet without its top"),
        (tmp_path / "weights.bin", "expected the .h5 file of SqueezeNet without its top"),
        (files["VGG16"], "expected the .h5 file of SqueezeNet without its top"),
    ):
        with pytest.raises(MaskGateError, match=expected) as caught:
            load_backbone("SqueezeNet", file, SIZE)
        assert str(file) in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(MaskGateError, match=r"give squeezenet_weights_.* with --weights FILE"):
        load_backbone("SqueezeNet")


@pytest.fixture
def silent_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A way to the network that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.getsockname()[1]}")
        yield


@pytest.mark.usefixtures("silent_proxy")
def test_a_download_that_hangs_is_given_up_and_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.src.backend.config, "_KERAS_DIR", str(tmp_path))
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    with pytest.raises(
        MaskGateError, match=r"could not be downloaded .*vgg16_weights.* --weights FILE"
    ) as caught:
        load_backbone("VGG16", size=SIZE)
    assert "\n" not in str(caught.value)


def test_unfreezing_trains_the_named_layers_after_the_head(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = tmp_path / "run"
    run.mkdir()
    pretrained = Pretrained("SqueezeNet", files["SqueezeNet"], SIZE, unfreeze="fire9")
    backbone = pretrained.load()
    model = train_backbone(pretrained, backbone, drawn_material(40), Plan(2, 3, run=run))
    trained = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    changed = {
        old.path.split("/")[-2]
        for old, new in zip(backbone.core.weights, trained.weights, strict=True)
        if not np.array_equal(old, new)
    }
    assert changed == {"fire9_squeeze1x1", "fire9_expand1x1", "fire9_expand3x3"}
    assert (run / "head" / "history.csv").is_file()
    assert (run / "history.csv").is_file()
    assert not (run / "head" / "checkpoint").exists()


def test_batch_normalisation_stays_as_it_was_when_its_block_is_unfrozen(files: Files) -> None:
    backbone = load_backbone("MobileNetV2", files["MobileNetV2"], SIZE)
    unfreeze(backbone, "block_16")
    model = compiled(joined(backbone, head_model(1280)), rate=1e-2)
    norm = backbone.core.get_layer("block_16_project_BN")
    before = [*norm.get_weights(), *backbone.core.get_layer("block_16_project").get_weights()]
    model.train_on_batch(PICTURES, np.array([[0.0], [1.0]]))
    after = [*norm.get_weights(), *backbone.core.get_layer("block_16_project").get_weights()]
    same = [np.array_equal(old, new) for old, new in zip(before, after, strict=True)]
    assert same == [True, True, True, True, False]


def test_unfreezing_what_is_not_there_names_what_is(files: Files) -> None:
    with pytest.raises(MaskGateError, match="block1, block2, block3, block4, block5"):
        backbone_kind(Pretrained("VGG16", files["VGG16"], SIZE, unfreeze="blok5"))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_joined_model_loads_in_another_process_and_converts(
    files: Files, tmp_path: Path
) -> None:
    from convert.tflite import face_examples, to_tflite

    backbone = load_backbone("SqueezeNet", files["SqueezeNet"], SIZE)
    model = joined(backbone, head_model(512))
    faces = device_cuts(drawn_material(8).training, SIZE, 0.0)
    expected = np.asarray(model(faces.astype(np.float32)))

    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "faces.npy", faces)
    program = (
        "import keras, numpy, sys; model = keras.models.load_model(sys.argv[1]); "
        "numpy.save(sys.argv[3], model(numpy.load(sys.argv[2]).astype('float32')))"
    )
    paths = [str(tmp_path / name) for name in ("model.keras", "faces.npy", "found.npy")]
    subprocess.run([sys.executable, "-c", program, *paths], check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), expected, atol=1e-5)

    net = open_model(to_tflite(model, "uint8", face_examples(faces)), "squeezenet")
    for face, probability in zip(faces, expected[:, 0], strict=True):
        net.room()[...] = face
        assert net.run()[0] / 256 == pytest.approx(probability, abs=0.05)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_jax_trains_a_head_and_tensorflow_loads_it(files: Files, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.backbones import drawn_material; "
        "from train.fitting.backbone import *; "
        "one = Pretrained('SqueezeNet', Path(sys.argv[1]), 64); "
        "model = backbone_kind(one).train(drawn_material(32), Plan(2, 1)); "
        "assert keras.backend.backend() == 'jax'; "
        "model.save(sys.argv[2])"
    )
    environment = os.environ | {"KERAS_BACKEND": "jax", "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-c", program, str(files["SqueezeNet"]), str(tmp_path / "model.keras")],
        check=True,
        env=environment,
    )
    model = keras.models.load_model(tmp_path / "model.keras")
    assert model.count_params() == 722_496 + 164_353
    cuts = device_cuts(drawn_material(8).training, SIZE, 0.0).astype(np.float32)
    assert np.isfinite(np.asarray(model(cuts))).all()


def test_the_command_writes_a_run_and_refuses_before_it_makes_one(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(2)
    for number in range(60):
        masked = number % 2 == 0
        folder = tmp_path / "crops" / ("face_with_mask" if masked else "face_no_mask")
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number}.png"), drawn_face(rng, masked=masked)[:, :, ::-1])
    run = tmp_path / "run"
    command = ["vgg16", str(tmp_path / "crops"), "--out", str(run), "--epochs", "2"]
    command += ["--backbone", "squeezenet", "--size", str(SIZE), "--weights"]

    refused = CliRunner().invoke(main, [*command, str(files["VGG16"])])
    assert (refused.exit_code, run.exists()) == (2, False)
    assert "expected the .h5 file of SqueezeNet without its top" in refused.output

    done = CliRunner().invoke(main, [*command, str(files["SqueezeNet"])])
    assert done.exit_code == 0, done.output
    recipe = json.loads((run / "recipe.json").read_text())
    found = [recipe[name] for name in ("model", "backbone", "size", "margin", "unfreeze")]
    assert found == ["squeezenet", "SqueezeNet", SIZE, 0, None]
    assert recipe["weights_sha256"] == load_backbone("SqueezeNet", files["SqueezeNet"]).sha256
    assert keras.models.load_model(run / "model.keras").output_shape == (None, 1)
