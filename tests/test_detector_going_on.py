"""A detector's training goes on from another net."""

from pathlib import Path

import keras
import numpy as np
import pytest

from edge.errors import MaskGateError
from train.detector.going_on import go_on_from
from train.models import single_shot
from train.models.single_shot import single_shot_model


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
        knowing(single_shot_model()).save(tmp_path / "smaller.keras")
    return tmp_path / "smaller.keras"


def said(net: keras.Model) -> np.ndarray:
    pixels = np.random.default_rng(0).uniform(-1, 1, (1, 256, 256, 3)).astype(np.float32)
    return np.asarray(net(pixels, training=False))


def test_a_larger_net_says_what_the_smaller_one_said(smaller: Path) -> None:
    net = single_shot_model()
    go_on_from(net, smaller)
    known = said(keras.models.load_model(smaller, compile=False))
    np.testing.assert_allclose(said(net), known, rtol=1e-3, atol=1e-3 * np.abs(known).max())
    assert np.ptp(known) > 0.1


def test_a_net_of_the_same_size_is_the_same(tmp_path: Path) -> None:
    first = knowing(single_shot_model())
    first.save(tmp_path / "first.keras")
    net = single_shot_model()
    go_on_from(net, tmp_path / "first.keras")
    for own, other in zip(net.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)


def test_a_larger_net_is_refused_with_its_first_layer_that_is_larger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    single_shot_model().save(tmp_path / "larger.keras")
    monkeypatch.setattr(single_shot, "FILTERS", (8, 16, 32, 48, 64))
    with pytest.raises(MaskGateError, match=r"layer half_filters is .* begin without --from"):
        go_on_from(single_shot_model(), tmp_path / "larger.keras")


def test_another_kind_of_net_is_refused(tmp_path: Path) -> None:
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="dense")])
    other.save(tmp_path / "other.keras")
    with pytest.raises(MaskGateError, match="there is no layer dense in this version's"):
        go_on_from(single_shot_model(), tmp_path / "other.keras")


def test_a_file_that_is_no_net_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.keras").write_bytes(b"PK, cut off")
    with pytest.raises(MaskGateError, match=r"cut\.keras: expected a detector's net"):
        go_on_from(single_shot_model(), tmp_path / "cut.keras")
