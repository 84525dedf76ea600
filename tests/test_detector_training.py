"""Teaching the detector, from photos to a bundle, on photos that the test makes."""

import csv
import itertools
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.frames import astronaut, grace_hopper
from edge.bundle import load_bundle
from edge.config import Detector
from edge.errors import MaskGateError
from edge.finder import detector_in
from train.data.annotations import BARE, MASKED
from train.detector.found_file import FOUND_FILE, write_found
from train.detector.matching import Found
from train.detector.material import load_material
from train.detector.worse import CONDITIONS

IMAGES = Path("Medical mask/Medical mask/Medical Mask/images")
HEADS = ((astronaut, 90, 0, 280), (grace_hopper, 70, 0, 400))
"""Photos, and left, top and side of the square around each head."""
FACES = ((0.35, 0.3, 0.62, 0.68), (0.33, 0.3, 0.67, 0.82))
"""Left, top, right, bottom of the faces as shares of these squares."""
PHOTOS = 14


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_photos(tmp_path_factory.mktemp("photos"), PHOTOS)


def made_photos(folder: Path, count: int, seed: int = 0) -> Path:
    """A data folder in Kaggle's layout: a bare and a masked face in each photo."""
    (folder / IMAGES).mkdir(parents=True)
    rng = np.random.default_rng(seed)
    rows = [("name", "x1", "x2", "y1", "y2", "classname")]
    for number in range(count):
        name = f"{seed}{number:03}.png"
        pixels, faces = photo_with_two(rng)
        cv2.imwrite(str(folder / IMAGES / name), pixels[:, :, ::-1])
        rows += [(name, *map(str, box), label) for box, label in faces]
    with (folder / "train.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def photo_with_two(rng: np.random.Generator) -> tuple[np.ndarray, list[tuple]]:
    """A head of each person at any size and place, one of them masked by a white half."""
    tiles = rng.integers(0, 256, (6, 8, 3), np.uint8)
    pixels = cv2.resize(tiles, (320, 240), interpolation=cv2.INTER_CUBIC)
    faces = []
    masked = rng.integers(2)
    for person, ((photo, left, top, side), face) in enumerate(zip(HEADS, FACES, strict=True)):
        size = int(rng.integers(70, 140))
        head = cv2.resize(photo()[top : top + side, left : left + side], (size, size))
        head = spoilt(head, rng)
        box = np.round(np.array(face) * size).astype(int)
        if person == masked:
            colour = rng.integers(0, 256, 3).tolist()
            middle = (box[1] + box[3]) // 2
            cv2.rectangle(head, (box[0], middle), (box[2], box[3]), colour, cv2.FILLED)
        x = int(rng.integers(0, 160 - size)) + 160 * person
        y = int(rng.integers(0, 240 - size))
        pixels[y : y + size, x : x + size] = head
        x1, y1, x2, y2 = (int(side) for side in box + np.array([x, y, x, y]))
        faces.append(((x1, y1, x2, y2), MASKED if person == masked else BARE))
    return pixels, faces


def spoilt(head: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same head in blotches of its own, or all photos would be near-duplicates of one."""
    coarse = rng.normal(0, 45, (head.shape[0] // 3, head.shape[1] // 3, 3))
    blotches = cv2.resize(coarse, head.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return np.clip(head + blotches, 0, 255).astype(np.uint8)


def training(photos: Path, run: Path, other: Path) -> list[str]:
    # A test in the background inherits that SIGINT is ignored.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    short = "from train.detector import teach; teach.EPOCH, teach.BATCH, teach.VALIDATION = 3, 2, 1"
    # Compiling takes a quarter of a minute, and so few steps as they are some seconds.
    plain = "import tensorflow; tensorflow.config.run_functions_eagerly(True)"
    command = f"{heed}; {short}; {plain}; from train.cli import main; main()"
    options = ["detector", str(photos), "--out", str(run), "--steps", "6"]
    return [sys.executable, "-c", command, *options, "--from", str(other), "--halfway"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_training_from_another_s_net_that_was_interrupted_goes_on_and_gives_a_detector(
    photos: Path, tmp_path: Path
) -> None:
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    other = another_run(tmp_path / "other")
    command = training(photos, run, other)
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    limit = time.monotonic() + 300
    while not (run / "history.csv").is_file() and first.poll() is None:
        assert time.monotonic() < limit
        time.sleep(0.05)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=60)
    assert first.returncode == 2
    assert "stopped after 1 epochs; give the same command again" in said
    assert not (run / "faces.keras").exists()
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "going on after epoch 1 of 2" in done.stderr
    assert "mtcnn" in done.stdout
    assert sorted(path.name for path in run.iterdir()) == [
        "faces.keras",
        "found.npz",
        "history.csv",
        "metrics.json",
        "recipe.json",
        "report.html",
        "training_faces.csv",
    ]
    assert json.loads((run / "recipe.json").read_text())["first"]["steps"] == 7
    assert moved_from_another(run, other)
    assert is_halfway(run)
    convert(run, bundle)
    find_something(bundle)
    judge_both(run, bundle, photos)


def convert(run: Path, bundle: Path) -> None:
    from convert.cli import main

    options = ["--out", str(bundle), "--version", "2.0.1", "--form", "float32", "--allow-loss"]
    recipe = json.loads((run / "recipe.json").read_text())
    # A few steps teach nothing: what counts is that what was written can be used.
    recipe["threshold"] = 0.001
    (run / "recipe.json").write_text(json.dumps(recipe))
    done = CliRunner().invoke(main, ["detector", str(run), *options])
    assert done.exit_code == 0, done.output


def find_something(bundle: Path) -> None:
    made = load_bundle(bundle)
    assert (made.manifest.name, made.manifest.version) == ("maskgate", "2.0.1")
    assert made.manifest.input.sampling == "quick"
    assert made.manifest.smallest == 20
    detector = detector_in(made, Detector(bundle=bundle))
    assert len(detector.detect(astronaut())) >= 1
    assert len(detector.detect(grace_hopper())) >= 1


def judge_both(run: Path, bundle: Path, photos: Path) -> None:
    """A run, and a bundle as the device runs it, on the photos that the run was trained on."""
    from train.cli import main

    of_run = CliRunner().invoke(main, ["evaluate", str(run), str(photos)])
    assert of_run.exit_code == 0, of_run.output
    assert "look like faces that the detector was trained on" in of_run.output
    assert (run / "evaluations" / photos.name / "report.html").is_file()
    nowhere = CliRunner().invoke(main, ["evaluate", str(bundle), str(photos)])
    assert nowhere.exit_code == 2
    assert "say where by --out FOLDER" in nowhere.output
    out = bundle.parent / "judged"
    of_bundle = CliRunner().invoke(main, ["evaluate", str(bundle), str(photos), "--out", str(out)])
    assert of_bundle.exit_code == 0, of_bundle.output
    metrics = [
        json.loads((folder / "metrics.json").read_text())
        for folder in (run / "evaluations" / photos.name, out)
    ]
    figures = [one["evaluation"] for one in metrics]
    assert metrics[1]["made_worse"].keys() == {"evaluation", "mtcnn"}
    assert metrics[1]["made_worse"]["mtcnn"].keys() == CONDITIONS.keys()
    # The same nets, in Keras and under LiteRT, find the same faces.
    assert found_counts(figures[0]) == found_counts(figures[1]) != []


def found_counts(figures: Any) -> list[int]:
    """How many faces were found, by size, class and threshold."""
    if not isinstance(figures, dict):
        return []
    nested = [count for name in sorted(figures) for count in found_counts(figures[name])]
    return [*nested, figures["found"]] if "found" in figures else nested


def test_photos_without_a_bare_face_are_refused_and_leave_no_run(
    photos: Path, tmp_path: Path
) -> None:
    from train.cli import main

    only_masked = tmp_path / "photos"
    (only_masked / IMAGES).parent.mkdir(parents=True)
    (only_masked / IMAGES).symlink_to(photos / IMAGES)
    lines = (photos / "train.csv").read_text().splitlines()
    (only_masked / "train.csv").write_text("\n".join(row for row in lines if BARE not in row))
    run = tmp_path / "run"
    done = CliRunner().invoke(main, ["detector", str(only_masked), "--out", str(run)])
    assert done.exit_code == 2
    assert "expected photos with masked and bare faces to train on" in done.output
    assert not run.exists()


def test_photos_that_another_folder_has_larger_are_learnt_from_there_and_held_back_as_before(
    photos: Path, tmp_path: Path
) -> None:
    larger = twice_as_large(photos, tmp_path / "larger")
    alone, both = (
        load_material(folders, {}, allow_skipped=False) for folders in ([photos], [photos, larger])
    )
    assert [one.path for one in both.photos()] == [one.path for one in alone.photos()]
    (before, held_back, faces), (training, still_held_back, same_faces) = (
        alone.split(),
        both.split(),
    )
    assert [photo.path for photo in held_back] == [photo.path for photo in still_held_back]
    assert len(faces) == len(same_faces)
    for photo, shown in zip(before, training, strict=True):
        assert shown.path == larger / "images" / photo.path.name
        np.testing.assert_allclose(shown.boxes, photo.boxes * 2)


def test_photos_to_judge_by_are_held_back_whole_and_what_is_alike_is_not_trained_on(
    photos: Path, tmp_path: Path
) -> None:
    judged = made_photos(tmp_path / "judged", 4, seed=1)
    copied = sorted((photos / IMAGES).iterdir())[:2]
    with (judged / "train.csv").open("a") as table:
        for photo in copied:
            (judged / IMAGES / f"copy_of_{photo.name}").write_bytes(photo.read_bytes())
            rows = (photos / "train.csv").read_text().splitlines()
            table.writelines(f"copy_of_{row}\n" for row in rows if row.startswith(photo.name))
    material = load_material([photos, judged], {}, allow_skipped=False)
    training, held_back, faces = material.split([judged])
    assert [one.path for one in held_back] == sorted((judged / IMAGES).iterdir())
    assert [one.path for one in training] == sorted((photos / IMAGES).iterdir())[2:]
    assert {patch.face.picture for patch in faces} == {one.path for one in training}


def test_photos_to_judge_by_are_judged_by_though_they_are_larger_forms_of_some_to_train_on(
    photos: Path, tmp_path: Path
) -> None:
    larger = twice_as_large(photos, tmp_path / "larger")
    others = made_photos(tmp_path / "others", 4, seed=1)
    material = load_material([photos, others, larger], {}, allow_skipped=False)
    training, held_back, _ = material.split([larger])
    assert [one.path for one in held_back] == sorted((larger / "images").iterdir())
    assert [one.path for one in training] == sorted((others / IMAGES).iterdir())


def test_no_photos_are_left_to_train_on_where_all_are_to_judge_by(
    photos: Path, tmp_path: Path
) -> None:
    from train.cli import main

    run, same = tmp_path / "run", shutil.copytree(photos, tmp_path / "same")
    options = ["detector", str(photos), "--out", str(run), "--judge", str(same)]
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 2
    assert "expected photos with masked and bare faces to train on, found 0 masked" in done.output
    assert not run.exists()


def twice_as_large(photos: Path, folder: Path) -> Path:
    """The same photos in VOC's layout, with one face in each, masked or bare, drawn otherwise."""
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    names = [path.name for path in sorted((photos / IMAGES).iterdir())]
    for name, label in zip(names, itertools.cycle((MASKED, BARE))):
        pixels = cv2.imread(str(photos / IMAGES / name))
        assert pixels is not None
        cv2.imwrite(str(folder / "images" / name), cv2.resize(pixels, None, fx=2, fy=2))
        box = "<xmin>10</xmin><ymin>10</ymin><xmax>90</xmax><ymax>90</ymax>"
        (folder / "annotations" / f"{name}.xml").write_text(
            f"<annotation><filename>{name}</filename><object><name>{label}</name>"
            f"<bndbox>{box}</bndbox></object></annotation>"
        )
    # The pictures have the names of the photos: what counts is the table.
    rows = "".join(f"{name},{name}\n" for name in names)
    (folder / "same_photo.csv").write_text(f"name,scenes_name\n{rows}")
    return folder


def another_run(folder: Path) -> Path:
    """A run whose net has learnt nothing, to go on from."""
    from train.models.single_shot import single_shot_model

    folder.mkdir()
    single_shot_model().save(folder / "faces.keras")
    (folder / "recipe.json").write_text(json.dumps({"model": "detector", "steps": 7}))
    return folder


def moved_from_another(run: Path, other: Path) -> bool:
    """Whether a run's net has learnt something, and is still near that of the run before."""
    from train.models.single_shot import single_shot_model

    nets = [keras.models.load_model(one / "faces.keras", compile=False) for one in (run, other)]
    own, first, elsewhere = map(first_weights, (*nets, single_shot_model()))
    return bool(0 < np.abs(own - first).mean() < 0.2 * np.abs(own - elsewhere).mean())


def is_halfway(run: Path) -> bool:
    """Whether each normalisation of its net is one with its convolution, as the mean is made."""
    net = keras.models.load_model(run / "faces.keras", compile=False)
    norms = [one for one in net.layers if isinstance(one, keras.layers.BatchNormalization)]
    return not any(np.asarray(norm.moving_mean).any() for norm in norms)


def first_weights(net: keras.Model) -> np.ndarray:
    return np.concatenate([np.ravel(weights) for weights in net.get_weights()[:8]])


def test_there_is_no_halfway_without_a_net_to_go_back_to(photos: Path, tmp_path: Path) -> None:
    from train.cli import main

    options = ["detector", str(photos), "--out", str(tmp_path / "run"), "--halfway"]
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 2
    assert "--halfway: expected --from beside it" in done.output
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_no_run_cannot_be_gone_on_from(photos: Path, tmp_path: Path) -> None:
    from train.cli import main

    options = ["detector", str(photos), "--out", str(tmp_path / "run"), "--from", str(photos)]
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 2
    assert str(photos) in done.output
    assert not (tmp_path / "run").exists()


def test_a_bundle_may_have_another_threshold_than_its_run_and_says_what_it_finds_then(
    tmp_path: Path,
) -> None:
    from convert.detector_nets import taught_net
    from train.models.single_shot import single_shot_model

    recipe = {"threshold": 0.8, "smallest": 20.0, "doubt": 0.3}
    single_shot_model().save(tmp_path / "faces.keras")
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    (tmp_path / "metrics.json").write_text(json.dumps({"validation": {"photos": 1}}))
    boxes = np.array([[10.0, 10, 60, 60], [100, 10, 150, 60]])
    one = Found(boxes, np.array([0.9, 0.6]), boxes, np.array([True, False]), np.empty((0, 4)))
    nothing = np.empty((0, 4))
    write_found(
        tmp_path / FOUND_FILE,
        [one, Found(nothing, np.empty(0), boxes[:1], one.masked[:1], nothing)],
    )
    facts = [taught_net(tmp_path, "1.0.0", share).facts for share in (None, 0.5, 0.7)]
    assert [one["threshold"] for one in facts] == [0.8, 0.5, 0.7]
    assert facts[0]["measured"] == {"photos": 1}
    counts = []
    for of_bundle in facts[1:]:
        at = of_bundle["measured"]["overlap_0.4"]["40+ px"]["at_threshold"]
        counts.append(
            (at["threshold"], at["recall"]["both"]["found"], at["recall"]["both"]["faces"])
        )
    assert counts == [(0.5, 2, 3), (0.7, 1, 3)]
    (tmp_path / FOUND_FILE).write_bytes(b"PK, cut off")
    with pytest.raises(MaskGateError, match=f"{FOUND_FILE}: it is damaged; train it again"):
        taught_net(tmp_path, "1.0.0", 0.5)
