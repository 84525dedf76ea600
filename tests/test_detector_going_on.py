"""A detector's training goes on from another net."""

from pathlib import Path

import keras
import numpy as np
import pytest

from edge.bundle import MODELS, load_bundle
from edge.errors import MaskGateError
from edge.runtime.processor import on_cpu
from edge.vision.detectors import SINGLE_SHOT
from train.detector.going_on import go_on_from, settle
from train.detector.halfway import go_halfway_back
from train.models import single_shot
from train.models.single_shot import SIDE, single_shot_model, without_landmarks

SHIPPED = MODELS / "maskgate"


def knowing(net: keras.Model) -> keras.Model:
    """A net whose every weight counts, as after a training."""
    rng = np.random.default_rng(1)
    net.set_weights([one + rng.uniform(0.01, 0.1, one.shape) for one in net.get_weights()])
    return net


@pytest.fixture
def smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A net with fewer filters and blocks."""
    with monkeypatch.context() as then:
        then.setattr(single_shot, "FILTERS", (16, 16, 32, 48, 64))
        then.setattr(single_shot, "BLOCKS", (1, 2, 1, 2))
        knowing(single_shot_model()).save(tmp_path / "faces.keras")
    return tmp_path


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (count, SIDE, SIDE, 3)).astype(np.float32)


def said(net: keras.Model) -> np.ndarray:
    return np.asarray(net(pictures(1), training=False))


def test_a_larger_net_says_what_the_smaller_one_said(smaller: Path) -> None:
    net = single_shot_model()
    go_on_from(net, smaller)
    known = said(keras.models.load_model(smaller / "faces.keras", compile=False))
    np.testing.assert_allclose(said(net), known, rtol=1e-3, atol=1e-3 * np.abs(known).max())
    assert np.ptp(known) > 0.1


def test_a_net_of_the_same_size_is_the_same(tmp_path: Path) -> None:
    first = knowing(single_shot_model())
    first.save(tmp_path / "faces.keras")
    net = single_shot_model()
    go_on_from(net, tmp_path)
    for own, other in zip(net.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)


def test_a_larger_net_is_refused_with_its_first_layer_that_is_larger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    single_shot_model().save(tmp_path / "faces.keras")
    monkeypatch.setattr(single_shot, "FILTERS", (8, 16, 32, 48, 64))
    with pytest.raises(MaskGateError, match=r"layer half_filters is .* begin without --from"):
        go_on_from(single_shot_model(), tmp_path)


def test_another_kind_of_net_is_refused(tmp_path: Path) -> None:
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="dense")])
    other.save(tmp_path / "faces.keras")
    with pytest.raises(MaskGateError, match="there is no layer dense in this version's"):
        go_on_from(single_shot_model(), tmp_path)


def test_a_file_that_is_no_net_is_refused(tmp_path: Path) -> None:
    (tmp_path / "faces.keras").write_bytes(b"PK, cut off")
    with pytest.raises(MaskGateError, match=r"faces\.keras: expected a detector's net"):
        go_on_from(single_shot_model(), tmp_path)


def test_a_net_that_goes_on_from_a_bundle_says_what_the_bundle_s_says() -> None:
    net = single_shot_model()
    go_on_from(net, SHIPPED)
    np.testing.assert_allclose(said(without_landmarks(net)), shipped_net_said(), atol=1e-4)


def shipped_net_said() -> np.ndarray:
    model = on_cpu(load_bundle(SHIPPED), form="float32").open(SINGLE_SHOT, "test", (SIDE, SIDE))
    model.room()[...] = pictures(1)[0]
    return model.run()[np.newaxis]


def test_what_is_settled_says_the_same_and_says_it_in_a_training_too() -> None:
    net, unsettled = single_shot_model(), single_shot_model()
    go_on_from(net, SHIPPED)
    unsettled.set_weights(net.get_weights())
    before = np.asarray(net(pictures(8), training=False))
    settle(net, pictures(8))
    np.testing.assert_allclose(net(pictures(8), training=False), before, atol=1e-3)
    np.testing.assert_allclose(net(pictures(8), training=True), before, atol=1e-3)
    assert np.abs(unsettled(pictures(8), training=True) - before).max() > 1


def test_a_bundle_of_another_detector_is_refused() -> None:
    with pytest.raises(MaskGateError, match="no faces in form float32; it holds pnet"):
        go_on_from(single_shot_model(), MODELS / "mtcnn")


def test_a_bundle_with_a_net_of_another_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_shot, "FILTERS", (16, 32, 48, 96, 160))
    wanted = r"quarter_filters of \(3, 3, 16, 32\), found \(3, 3, 16, 24\); .* without --from"
    with pytest.raises(MaskGateError, match=wanted):
        go_on_from(single_shot_model(), SHIPPED)


def test_halfway_back_to_itself_a_net_says_the_same() -> None:
    net = single_shot_model()
    go_on_from(net, SHIPPED)
    settle(net, pictures(4))
    before = said(without_landmarks(net))
    go_halfway_back(net, SHIPPED)
    np.testing.assert_allclose(said(without_landmarks(net)), before, atol=1e-4)


def test_halfway_it_is_the_mean_however_its_normalisation_was_scaled(tmp_path: Path) -> None:
    """Of one layer that says twice as much, and whose kernel was scaled up for nothing."""
    single_shot_model().save(tmp_path / "faces.keras")
    first = keras.models.load_model(tmp_path / "faces.keras", compile=False)
    net = keras.models.load_model(tmp_path / "faces.keras", compile=False)
    filters, norm = net.get_layer("half_filters"), net.get_layer("half_normed")
    (kernel,) = filters.get_weights()
    gamma, beta, mean, variance = norm.get_weights()
    filters.set_weights([kernel * 10])
    norm.set_weights(
        [gamma * 2, beta + 1, mean * 10, (variance + norm.epsilon) * 100 - norm.epsilon]
    )
    go_halfway_back(net, tmp_path)
    given = pictures(1)
    own, other = (
        np.asarray(keras.Model(one.input, one.get_layer("half_normed").output)(given))
        for one in (net, first)
    )
    np.testing.assert_allclose(own, other * 1.5 + 0.5, atol=1e-4)
