"""Training: killed and gone on with, on several devices, by another backend, ended in time."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.waiting import free_port, wait_until

PROGRAM = (sys.executable, "-m", "tests.fitting")
QUIET = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
LIMIT = 100
"""Seconds that one of these programs may take."""


def program(what: str, run: Path, weights: Path, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*PROGRAM, what, str(run), str(weights)],
        env={**QUIET, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> str:
    try:
        said, _ = process.communicate(timeout=LIMIT)
    finally:
        process.kill()
    assert process.returncode == 0, said
    return said


def arrays(path: Path) -> list[np.ndarray]:
    with np.load(path) as archive:
        return [archive[name] for name in archive.files]


def history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_killed_training_goes_on_to_the_very_weights_of_an_uninterrupted_one(
    tmp_path: Path,
) -> None:
    run, weights = tmp_path / "run", tmp_path / "weights.npz"
    killed = program("be killed", run, weights)
    try:
        wait_until(lambda: (run / "history.csv").is_file() and len(history(run)) >= 2, LIMIT)
    finally:
        killed.kill()
        killed.communicate()
    assert len(history(run)) < 6
    said = ended(program("go on", run, weights))
    assert "going on after epoch" in said
    for gone_on, uninterrupted in zip(
        arrays(weights), arrays(weights.with_stem("uninterrupted")), strict=True
    ):
        np.testing.assert_array_equal(gone_on, uninterrupted)
    rows, expected = history(run), history(run / "uninterrupted")
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    for row, other in zip(rows, expected, strict=True):
        assert {**row, "seconds": ""} == {**other, "seconds": ""}


@pytest.fixture(scope="module")
def alone() -> list[np.ndarray]:
    """The weights that one device trains."""
    from tests.fitting import train_shared

    return train_shared(None)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_machines_hold_the_weights_of_one_and_only_the_chief_writes(
    tmp_path: Path, alone: list[np.ndarray]
) -> None:
    cluster = {"worker": [f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"]}
    workers = [
        program(
            "worker",
            tmp_path / f"run{index}",
            tmp_path / f"{index}.npz",
            TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}),
        )
        for index in range(2)
    ]
    try:
        said = [ended(worker) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert "training on 2 machines, this is worker 1" in said[1]
    first, second = arrays(tmp_path / "0.npz"), arrays(tmp_path / "1.npz")
    for one, other, expected in zip(first, second, alone, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, expected, atol=1e-4)
    assert len(history(tmp_path / "run0")) == 3
    assert not (tmp_path / "run1").exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_devices_of_one_machine_hold_the_weights_of_one(
    tmp_path: Path, alone: list[np.ndarray]
) -> None:
    said = ended(program("two devices", tmp_path / "run", tmp_path / "weights.npz"))
    assert "training on 2 parts of the CPU" in said
    for one, expected in zip(arrays(tmp_path / "weights.npz"), alone, strict=True):
        np.testing.assert_allclose(one, expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_jax_trains_tensorflow_loads_and_says_the_same_of_faces(tmp_path: Path) -> None:
    import keras

    from tests.fitting import patches_of_noise
    from train.feed.faces import device_cuts

    pytest.importorskip("jax")
    said = ended(program("jax", tmp_path, tmp_path / "said.npz", KERAS_BACKEND="jax"))
    assert "training on the CPU" in said
    for name, expected in zip(("compact", "cnn"), arrays(tmp_path / "said.npz"), strict=True):
        model = keras.models.load_model(tmp_path / f"{name}.keras")
        faces = device_cuts(patches_of_noise(4), model.input_shape[1], 0.0)
        found = model.predict(faces, verbose=0)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        assert keras.backend.backend() == "tensorflow"


def test_a_training_that_gets_no_better_ends_with_the_averaged_weights_that_were_best(
    tmp_path: Path,
) -> None:
    from tests.fitting import made_up, with_all_that_has_state
    from train.feed.plain import PlainRows
    from train.fitting.fit import Plan, fit

    pictures, wanted = made_up(32, 1)
    feed = PlainRows(pictures, wanted, 8, seed=1)
    # The opposite of what it learns, so it soon gets worse.
    held_back = PlainRows(pictures, 1 - wanted, 8)

    model = fit(with_all_that_has_state, feed, held_back, Plan(30, 1, patience=3, run=tmp_path))

    losses = [float(row["val_loss"]) for row in history(tmp_path)]
    assert len(losses) == losses.index(min(losses)) + 1 + 3 < 30
    judged = model.evaluate(pictures, 1 - wanted, batch_size=8, verbose=0)
    assert judged[0] == pytest.approx(min(losses), abs=1e-4)


@pytest.mark.parametrize(("rows", "count"), [(8, 2), (7, 2), (1, 3), (13, 4)])
def test_all_devices_get_as_many_rows_and_together_every_row(rows: int, count: int) -> None:
    from train.feed.feed import Share

    shares = [Share(index, count).of(np.arange(rows)) for index in range(count)]
    assert len({len(share) for share in shares}) == 1
    assert set(np.concatenate(shares)) == set(range(rows))


def test_each_epoch_shows_every_row_once_in_another_order() -> None:
    from train.feed.feed import WHOLE, Order

    order = Order(rows=10, size=4, seed=3)
    epochs = [
        np.concatenate([order.batch(epoch, step, WHOLE) for step in range(order.steps)])
        for epoch in range(2)
    ]
    assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 2
    assert list(epochs[0]) != list(epochs[1])


def test_batches_made_ahead_come_in_order_and_their_number_is_bound() -> None:
    from train.feed.feed import AHEAD, made_ahead

    asked: list[tuple[int, int]] = []

    def make(epoch: int, step: int) -> tuple[int, int]:
        asked.append((epoch, step))
        return epoch, step

    with made_ahead(make, 3, 5) as batches:
        assert [next(batches) for _ in range(4)] == [(5, 0), (5, 1), (5, 2), (6, 0)]
    assert len(asked) <= 4 + AHEAD
    assert list(batches) == []


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ([], "float32"),
        ([6], "float32"),
        ([7], "mixed_float16"),
        ([8], "mixed_bfloat16"),
        ([9, 7], "mixed_float16"),
    ],
)
def test_numbers_are_as_short_as_all_gpus_gain_from(capabilities: list[int], expected: str) -> None:
    from train.fitting.devices import _precision

    assert _precision(capabilities) == expected


@pytest.mark.parametrize(
    "text",
    [
        "not JSON",
        "{}",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_a_tf_config_that_is_none_is_refused_in_one_line(text: str) -> None:
    from edge.errors import MaskGateError
    from train.fitting.devices import _cluster

    with pytest.raises(MaskGateError, match="TF_CONFIG: expected") as caught:
        _cluster(text)
    assert "\n" not in str(caught.value)


def test_a_training_that_diverges_ends_in_one_line(tmp_path: Path) -> None:
    import keras

    from edge.errors import MaskGateError
    from train.feed.plain import PlainRows
    from train.fitting.checkpoint import CHECKPOINT
    from train.fitting.fit import Plan, fit

    def endless() -> keras.Model:
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(1e30), "mean_squared_error", metrics=["accuracy"])
        return model

    rows = PlainRows(np.ones((8, 2), np.float32), np.zeros((8, 1), np.float32), 4)
    with pytest.raises(MaskGateError, match="has diverged") as caught:
        fit(endless, rows, rows, Plan(epochs=9, seed=1, run=tmp_path))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / CHECKPOINT).exists()
