"""The features of a frozen network: computed once, kept, and as good as the network itself."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from edge.errors import MaskGateError
from edge.values import Landmarks
from tests import backbones
from tests.backbones import FACES, SIZE, Shown, drawn_material, drawn_patches, random_weights
from train.feed.faces import device_cuts
from train.feed.plain import PlainFaces
from train.fitting import features as making
from train.fitting.backbone import BATCH, compiled, head_model, joined, train_head
from train.fitting.features import cached_features, features
from train.fitting.fit import Plan, fit
from train.models.backbone import Backbone, load_backbone


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights(tmp_path_factory.mktemp("weights"), "SqueezeNet")


@pytest.fixture(scope="module")
def backbone(weights: Path) -> Backbone:
    return load_backbone("squeezenet", weights, SIZE)


def test_features_are_the_networks_feature_maps_averaged(backbone: Backbone) -> None:
    patches = drawn_patches(3)
    cuts = device_cuts(patches, SIZE, 0.0).astype(np.float32)
    assert backbone.preprocessing is not None
    maps = np.asarray(backbone.core(backbone.preprocessing(cuts)))
    found = features(patches, backbone)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, maps.mean((1, 2)), rtol=1e-4, atol=1e-5)


def test_features_of_a_layer_are_had_by_its_name(backbone: Backbone) -> None:
    assert features(drawn_patches(3), backbone, "fire4_concat").shape == (3, 256)
    with pytest.raises(MaskGateError, match="no layer fire4_concta; did you mean fire4_concat"):
        features(drawn_patches(3), backbone, "fire4_concta")


def test_training_on_cached_features_gives_the_weights_of_training_through_the_network(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    material, plan = drawn_material(), Plan(epochs=3, seed=11)
    head = train_head(backbone, material, plan)

    through = fit(
        lambda: compiled(joined(backbone, head_model(512))),
        PlainFaces(material.training, SIZE, 0.0, BATCH, plan.seed),
        PlainFaces(material.validation, SIZE, 0.0, BATCH),
        plan,
    )
    assert list((tmp_path / "maskgate" / "features").iterdir())
    keras.utils.set_random_seed(plan.seed)
    start = head_model(512).get_weights()
    moved = []
    for one, other, first in zip(
        head.get_weights(), through.trainable_variables, start, strict=True
    ):
        np.testing.assert_allclose(one, np.asarray(other), rtol=1e-3, atol=1e-5)
        moved.append(np.abs(one - first).max())
    assert max(moved) > 3e-3


def test_features_are_computed_once(backbone: Backbone, tmp_path: Path) -> None:
    first, again = Shown(drawn_patches()), Shown(drawn_patches())
    one = cached_features(first, "drawn", backbone, folder=tmp_path)
    other = cached_features(again, "drawn", backbone, folder=tmp_path)
    assert (first.looked_at, again.looked_at) == (FACES, 0)
    assert isinstance(other, np.memmap)
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(one, features(drawn_patches(), backbone))


def test_other_faces_cuts_layers_or_weights_have_other_features(
    backbone: Backbone, weights: Path, tmp_path: Path
) -> None:
    patches = drawn_patches(3)
    cached_features(patches, "drawn", backbone, folder=tmp_path)
    cached_features(patches, "others", backbone, folder=tmp_path)
    cached_features(patches, "drawn", backbone, "fire9_concat", folder=tmp_path)
    cached_features(patches, "drawn", backbone, margin=0.25, folder=tmp_path)
    cached_features(patches, "drawn", load_backbone("squeezenet", weights, 48), folder=tmp_path)
    cached_features(patches, "drawn", replace(backbone, sha256="0"), folder=tmp_path)
    cached_features(patches, "drawn", backbone, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_killed_computation_goes_on_at_the_batch_where_it_was(tmp_path: Path) -> None:
    backbone = backbones.small_squeezenet(tmp_path)
    command = [sys.executable, "-m", "tests.backbones", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    batch = making.BATCH * 512 * 4
    try:
        end = time.monotonic() + 100
        while not any(file.stat().st_size > 2 * batch for file in tmp_path.glob("*.partial")):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    (unfinished,) = tmp_path.glob("*.partial")
    with unfinished.open("ab") as file:
        file.write(b"half a face")
    rest = Shown(drawn_patches())
    found = cached_features(rest, "drawn", backbone, folder=tmp_path)
    assert 0 < rest.looked_at <= FACES - 2 * making.BATCH
    np.testing.assert_allclose(found, features(drawn_patches(), backbone), rtol=1e-5, atol=1e-6)
    assert not list(tmp_path.glob("*.partial"))


def test_a_computation_that_hangs_elsewhere_is_not_waited_for_without_end(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "PATIENCE", 1.0)
    patches = drawn_patches(3)
    cached_features(patches, "drawn", backbone, folder=tmp_path)
    (done,) = tmp_path.iterdir()
    held = done.rename(done.with_suffix(".partial"))
    with held.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(MaskGateError, match="has not moved for 1 s"):
            cached_features(patches, "drawn", backbone, folder=tmp_path)


def test_a_cache_that_cannot_be_written_is_told_in_one_line(
    backbone: Backbone, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MaskGateError, match="cannot be kept there") as caught:
        cached_features(drawn_patches(3), "drawn", backbone, folder=tmp_path / "file")
    assert "\n" not in str(caught.value)


def test_features_that_nobody_uses_make_room(backbone: Backbone, tmp_path: Path) -> None:
    patches = drawn_patches(3)
    for name in ("unused", "used"):
        cached_features(patches, name, backbone, folder=tmp_path)
    long_ago = time.time() - making.UNUSED - 60
    for file in tmp_path.iterdir():
        os.utime(file, (long_ago, long_ago))
    cached_features(patches, "used", backbone, folder=tmp_path)
    cached_features(patches, "new", backbone, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    shown = Shown(patches)
    cached_features(shown, "used", backbone, folder=tmp_path)
    assert shown.looked_at == 0


def test_only_faces_around_labelled_boxes_are_trained_on(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    material = drawn_material(16)
    points = ((1.0, 2.0),) * 5
    found = replace(material.training[0], landmarks=Landmarks(*points))
    more = replace(
        material,
        dataset=replace(material.dataset, patches=[found, *material.dataset.patches]),
        training=[found, *material.training],
    )
    one = train_head(backbone, material, Plan(epochs=2, seed=1))
    other = train_head(backbone, more, Plan(epochs=2, seed=1))
    for left, right in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
