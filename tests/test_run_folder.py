"""The run folder: taken, gone on with, refused, complete."""

import csv
import errno
import json
import os
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from edge.errors import MaskGateError
from train.data.annotations import BARE, MASKED
from train.feed.plain import PlainFaces
from train.fitting.fit import Plan, fit
from train.models.kinds import Kind, Material
from train.run import Task, run_training
from train.run_folder import close_run, note_data, open_run

SIZE = 8
SETTINGS = {"model": "tiny", "epochs": 3, "mapping": {}}


def tiny_model() -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def train_tiny(faces: Material, plan: Plan) -> keras.Model:
    feed = PlainFaces(faces.training, SIZE, 0.0, 16, plan.seed)
    return fit(tiny_model, feed, PlainFaces(faces.validation, SIZE, 0.0, 16), plan)


TINY = Kind("tiny", SIZE, 0.0, train_tiny)


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark and bright pictures: something that the tiniest net can learn."""
    folder = tmp_path_factory.mktemp("crops")
    rng = np.random.default_rng(1)
    for label, light in ((BARE, 60), (MASKED, 190)):
        (folder / label).mkdir()
        for number in range(40):
            coarse = rng.integers(light - 60, light + 60, (6, 6, 3)).astype(np.uint8)
            picture = cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_NEAREST)
            cv2.imwrite(str(folder / label / f"{number}.png"), picture)
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


def test_a_run_is_complete_when_it_ends(tmp_path: Path, crops: Path) -> None:
    out = tmp_path / "run"
    run_training(TINY, Task([crops], epochs=3, seed=7), out)

    assert {path.name for path in out.iterdir()} >= {
        "model.keras",
        "recipe.json",
        "metrics.json",
        "history.csv",
        "predictions.csv",
        "faces.npz",
        "report.html",
    }
    assert not (out / "checkpoint").exists()
    assert not list(out.glob("*.part"))
    recipe = json.loads((out / "recipe.json").read_text())
    assert (recipe["model"], recipe["size"], recipe["seed"]) == ("tiny", SIZE, 7)
    assert recipe["threshold"] == 0.5
    assert len(recipe["dataset_sha256"]) == 64
    assert recipe["versions"]["keras"] == keras.__version__
    assert recipe["device"].startswith("training on")
    metrics = json.loads((out / "metrics.json").read_text())
    with np.load(out / "faces.npz") as faces:
        assert len(faces["validation"]) == metrics["validation"]["faces"] == len(faces["masked"])
    with (out / "history.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3"]


def test_a_complete_run_is_not_written_over(tmp_path: Path, crops: Path) -> None:
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(MaskGateError, match="already there; choose another folder"):
        run_training(TINY, Task([crops], epochs=3), tmp_path)
    assert (tmp_path / "recipe.json").read_text() == "{}"


def test_an_interrupted_run_says_how_to_go_on_and_does(
    tmp_path: Path, crops: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def train_and_interrupt(faces: Material, plan: Plan) -> keras.Model:
        train_tiny(faces, Plan(2, plan.seed, plan.patience, plan.run))
        raise KeyboardInterrupt

    out, task = tmp_path / "run", Task([crops], epochs=4)
    with pytest.raises(MaskGateError, match="stopped after 2 epochs; give the same command again"):
        run_training(Kind("tiny", SIZE, 0.0, train_and_interrupt), task, out)
    with pytest.raises(MaskGateError, match="unfinished run with epochs 4 is there, not 5"):
        run_training(TINY, Task([crops], epochs=5), out)
    run_training(TINY, task, out)
    assert "going on after epoch 2 of 4" in capsys.readouterr().err
    with (out / "history.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3", "4"]


def test_a_full_disk_ends_in_one_line_and_the_run_can_go_on(tmp_path: Path, crops: Path) -> None:
    def train_and_fail(faces: Material, plan: Plan) -> keras.Model:  # noqa: ARG001
        Path("/dev/full").write_bytes(b"weights")
        raise AssertionError

    out = tmp_path / "run"
    with pytest.raises(MaskGateError) as caught:
        run_training(Kind("tiny", SIZE, 0.0, train_and_fail), Task([crops], epochs=3), out)
    assert os.strerror(errno.ENOSPC) in str(caught.value)
    assert "\n" not in str(caught.value)
    run_training(TINY, Task([crops], epochs=3), out)
    assert (out / "model.keras").is_file()


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MaskGateError, match="cannot be made"):
        open_run(tmp_path / "file" / "run", SETTINGS)


@pytest.mark.parametrize(("name", "other"), [("model", "cnn"), ("mapping", {"hat": BARE})])
def test_an_unfinished_run_of_other_settings_is_refused(
    tmp_path: Path, name: str, other: object
) -> None:
    assert open_run(tmp_path, SETTINGS)
    assert not open_run(tmp_path, SETTINGS)
    with pytest.raises(MaskGateError, match=f"unfinished run with {name}"):
        open_run(tmp_path, {**SETTINGS, name: other})


def test_an_unfinished_run_goes_on_with_the_faces_it_was_begun_with_or_not_at_all(
    tmp_path: Path,
) -> None:
    open_run(tmp_path, SETTINGS)
    note_data(tmp_path, "one")
    note_data(tmp_path, "one")
    with pytest.raises(MaskGateError, match="not those that it was begun with"):
        note_data(tmp_path, "two")


def test_a_broken_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    out = tmp_path / "run"
    open_run(out, SETTINGS)
    (out / "checkpoint" / "state.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(MaskGateError, match="cannot be read") as caught:
        fit(tiny_model, *[PlainFaces([], SIZE, 0.0, 1)] * 2, Plan(1, 1, run=out))
    assert "\n" not in str(caught.value)


def test_a_closed_run_cannot_be_gone_on_with(tmp_path: Path) -> None:
    open_run(tmp_path / "run", SETTINGS)
    (tmp_path / "run" / "recipe.json").write_text("{}")
    close_run(tmp_path / "run")
    with pytest.raises(MaskGateError, match="already there"):
        open_run(tmp_path / "run", SETTINGS)
