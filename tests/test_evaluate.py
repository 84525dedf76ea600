"""Judging a run or a device's bundle on labelled pictures, by the command that users give."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from click.testing import CliRunner, Result
from keras import layers

from edge.bundle import MODELS, load_bundle
from edge.config import Classifier as Settings
from edge.demo.portraits import COLLINS, HOPPER, find_photo
from edge.sources.pictures import read_picture
from edge.vision.classifier import Classifier
from edge.vision.cut import cut_face, whole_picture
from train.cli import main
from train.data.annotations import BARE, LABELS, MASKED, LabelledFace
from train.data.patches import Patch, make_patch
from train.feed.masks import with_mask
from train.judging.seen import SEEN, faces_seen, write_seen

SIZE, MARGIN = 24, 0.25
RECIPE = {
    "model": "tiny",
    "labels": LABELS,
    "size": SIZE,
    "margin": MARGIN,
    "threshold": 0.4,
    "unsure": [0.3, 0.6],
}


def portraits() -> list[Patch]:
    """The two faces of the demo, bare, with their landmarks."""
    return [
        make_patch(read_picture(photo), face, portrait.box, portrait.landmarks)
        for portrait in (COLLINS, HOPPER)
        for photo in [find_photo(portrait)]
        for face in [LabelledFace(photo, BARE, None, photo.name, "portraits")]
    ]


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Cut faces are kept where the tests may write, and cut once for all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of crops of the two, six of each class, held straight and askew."""
    folder = tmp_path_factory.mktemp("data") / "doors"
    rng = np.random.default_rng(5)
    bare = portraits()
    for label in LABELS:
        (folder / label).mkdir(parents=True)
        for number in range(6):
            patch = bare[number % 2]
            shown = with_mask(patch, rng) if label == MASKED else patch
            side = shown.pixels.shape[0]
            turn = cv2.getRotationMatrix2D((side / 2, side / 2), 30.0 * (number // 2 - 1), 1)
            turned = cv2.warpAffine(shown.pixels, turn, (side, side))
            pixels = cut_face(np.asarray(turned, np.uint8), shown.box, 90, 0.4)
            cv2.imwrite(str(folder / label / f"{number}.png"), pixels[:, :, ::-1])
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a model that was never trained: what it says is known, not good."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.Rescaling(1 / 64, offset=-2),
            layers.Conv2D(4, 5, strides=4),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    folder = tmp_path / "run"
    folder.mkdir()
    model.save(folder / "model.keras")
    (folder / "recipe.json").write_text(json.dumps(RECIPE))
    return folder


def evaluate(*words: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, words)])


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_bundle_is_judged_as_the_device_runs_it(crops: Path, tmp_path: Path) -> None:
    done = evaluate(MODELS / "compact", crops, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    classifier = Classifier(load_bundle(MODELS / "compact"), Settings())
    rows = rows_of(tmp_path / "out")
    assert len(rows) == 12
    right = 0
    for row in rows:
        pixels = read_picture(crops / row["classname"] / row["name"])
        chances = classifier.classify(pixels, whole_picture(pixels))
        assert float(row["probability"]) == pytest.approx(chances[0], abs=1e-6)
        assert row["predicted"] == classifier.label(chances)[0]
        right += row["predicted"] == row["classname"]
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["evaluation"]["faces"] == 12
    assert metrics["evaluation"]["accuracy"] == round(right / 12, 4)
    assert "doors" in (tmp_path / "out" / "report.html").read_text()
    assert not (MODELS / "compact" / "evaluations").exists()


def test_a_run_is_judged_on_the_devices_cuts_by_its_own_threshold(crops: Path, run: Path) -> None:
    done = evaluate(run, crops)
    assert done.exit_code == 0, done.output
    rows = rows_of(run / "evaluations" / "doors")
    pictures = [read_picture(crops / row["classname"] / row["name"]) for row in rows]
    cuts = [cut_face(pixels, whole_picture(pixels), SIZE, MARGIN) for pixels in pictures]
    expected = keras.models.load_model(run / "model.keras").predict(np.stack(cuts), verbose=0)
    said = [float(row["probability"]) for row in rows]
    assert said == pytest.approx(expected[:, 0].tolist(), abs=1e-5)
    for row in rows:
        assert row["predicted"] == (MASKED if float(row["probability"]) >= 0.4 else BARE)
    header, first = done.stdout.splitlines()[:2]
    assert header.split() == [
        "faces", "accuracy", "95", "%", "interval", "balanced", "masked", "bare", "unsure",
    ]  # fmt: skip
    assert first.split()[:5] == ["labelled", "boxes,", "20+", "px", "12"]
    page = (run / "evaluations" / "doors" / "report.html").read_text()
    assert "is not known here" in page
    assert "pictures of people" in page


def test_faces_of_the_training_are_warned_of(crops: Path, run: Path) -> None:
    pictures = sorted((crops / MASKED).iterdir())[:4]
    training = []
    for picture in pictures:
        pixels = read_picture(picture)
        # Another size, another compression: still the same face.
        small = cv2.resize(pixels, (70, 70), interpolation=cv2.INTER_AREA)
        _, code = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 60])
        again = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
        face = LabelledFace(picture, MASKED, None, picture.name, "elsewhere")
        training.append(make_patch(again, face, whole_picture(again)))
    write_seen(run, training)
    done = evaluate(run, crops)
    assert done.exit_code == 0, done.output
    assert "warning: 4 of the 12 faces look like faces" in done.stderr
    page = (run / "evaluations" / "doors" / "report.html").read_text()
    assert "4 of them look like faces that it was trained on" in page


def test_faces_that_are_new_are_not_warned_of(crops: Path, run: Path) -> None:
    write_seen(run, [])
    done = evaluate(run, crops)
    assert "warning" not in done.stderr
    assert "none of them looks like a face" in (run / "evaluations/doors/report.html").read_text()


def test_other_people_are_not_taken_for_one_another(tmp_path: Path) -> None:
    collins, hopper = portraits()
    labelled = [
        make_patch(read_picture(patch.face.picture), patch.face, patch.photo_box)
        for patch in (collins, hopper)
    ]
    write_seen(tmp_path, labelled[:1])
    assert [faces_seen(tmp_path / SEEN, [patch]) for patch in labelled] == [1, 0]
    assert faces_seen(tmp_path / "none.csv", labelled) is None


def spoil(run: Path, what: str) -> None:
    if what == "no run":
        shutil.rmtree(run)
    elif what == "no recipe":
        (run / "recipe.json").unlink()
    elif what == "old recipe":
        recipe = {key: value for key, value in RECIPE.items() if key not in ("unsure", "margin")}
        (run / "recipe.json").write_text(json.dumps(recipe))
    elif what == "other labels":
        (run / "recipe.json").write_text(json.dumps({**RECIPE, "labels": LABELS[::-1]}))
    elif what == "no model":
        (run / "model.keras").unlink()
    elif what == "half a model":
        (run / "model.keras").write_bytes((run / "model.keras").read_bytes()[:500])
    elif what == "other size":
        (run / "recipe.json").write_text(json.dumps({**RECIPE, "size": 32}))
    elif what == "other memory":
        (run / SEEN).write_text("name,hash\na,xyz\n")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("no run", "no such folder"),
        ("no recipe", "expected a JSON object as maskgate-train writes it"),
        ("old recipe", "without: margin, unsure"),
        ("other labels", "is from another version"),
        ("no model", "expected a model.keras that this version can load"),
        ("half a model", "expected a model.keras that this version can load"),
        ("other size", "takes 32x32 pixels"),
        ("other memory", "expected a table with the column hash"),
    ],
)
def test_a_run_that_does_not_fit_is_refused_in_one_line(
    crops: Path, run: Path, what: str, message: str
) -> None:
    spoil(run, what)
    done = evaluate(run, crops)
    assert done.exit_code == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert done.stderr.splitlines()[-1] == errors[0]
    assert message in errors[0]
    assert not (run / "evaluations" / "doors" / "report.html").exists()


def test_nothing_is_written_into_a_bundle(crops: Path) -> None:
    done = evaluate(MODELS / "compact", crops)
    assert done.exit_code == 2
    assert "say where by --out FOLDER" in done.output


def test_a_detectors_bundle_is_judged_by_what_it_finds(crops: Path, tmp_path: Path) -> None:
    done = evaluate(MODELS / "mtcnn", crops, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "false per photo" in done.output
    assert (tmp_path / "out" / "report.html").is_file()


def test_data_that_are_not_there_leave_no_folder(run: Path, tmp_path: Path) -> None:
    done = evaluate(run, tmp_path / "gone")
    assert done.exit_code == 2
    assert "there is no such folder" in done.output
    assert not (run / "evaluations").exists()


def test_data_without_a_face_to_judge_is_refused(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "specks"
    for label in LABELS:
        (folder / label).mkdir(parents=True)
        speck = np.full((18, 18, 3), 128, np.uint8)
        cv2.imwrite(str(folder / label / "1.png"), speck)
    done = evaluate(run, folder)
    assert done.exit_code == 2
    assert "expected faces of 20 pixels and more" in done.output
