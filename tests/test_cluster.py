"""Clustering on pictures whose clusters are known; two public-domain faces wear drawn masks."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from edge.bundle import load_bundle
from edge.config import Detector
from edge.demo.portraits import COLLINS, HOPPER, find_photo
from edge.finder import detector_in
from edge.sources.pictures import read_picture
from edge.values import Box
from train.cli import main
from train.cluster.clustering import Clustering
from train.cluster.faces import FaceViews, pair_views
from train.cluster.matching import agreement, best_matching
from train.cluster.paper import cluster_features, gamma_corrected
from train.cluster.sheets import COLOURS, cluster_sheets
from train.cluster.skin import skin_shown, skin_signs
from train.data.annotations import BARE, MASKED, LabelledFace
from train.data.patches import Patch, collect_patches, make_patch
from train.feed.augment import augmented_cut
from train.feed.masks import with_mask

# 8 masked and 4 bare faces: 6 + 2 and 1 + 3 of them in cluster 0 and 1.
TRUTH = [MASKED] * 8 + [BARE] * 4
CLUSTERS = np.array([0] * 6 + [1] * 2 + [0] + [1] * 3)
BLUE_CLOTH, SKIN, GREY = (150, 195, 215), (205, 160, 130), (128, 128, 128)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def face_of(upper: tuple[int, int, int], lower: tuple[int, int, int], label: str = "") -> Patch:
    picture = np.empty((80, 80, 3), np.uint8)
    picture[:40], picture[40:] = upper, lower
    box = Box(10, 10, 70, 70)
    return make_patch(picture, LabelledFace(Path("1.png"), label, box, "1", "made"), box)


def test_clusters_that_are_named_the_wrong_way_round_still_match() -> None:
    straight = agreement(TRUTH, 1 - CLUSTERS, None)
    crossed = agreement(TRUTH, CLUSTERS, None)
    assert crossed["names"] == [MASKED, BARE]
    assert straight["names"] == [BARE, MASKED]
    same = ("accuracy", "balanced_accuracy", "purity", "nmi", "ari", "confusion")
    assert [crossed[name] for name in same] == [straight[name] for name in same]


def test_figures_are_those_worked_out_by_hand() -> None:
    found = agreement(TRUTH, CLUSTERS, None)
    assert found["confusion"] == {MASKED: {MASKED: 6, BARE: 2}, BARE: {MASKED: 1, BARE: 3}}
    assert found["in_cluster"] == {MASKED: {"0": 6, "1": 2}, BARE: {"0": 1, "1": 3}}
    # Purity: 6 and 3 of 12. NMI: 0.116858 nats over the mean of 0.636514 and 0.679193.
    # ARI: (19 - 34 * 31 / 66) / (32.5 - 34 * 31 / 66).
    wanted = {
        "faces": 12, "accuracy": 0.75, "balanced_accuracy": 0.75, "recall_masked": 0.75,
        "recall_bare": 0.75, "accuracy_best_matching": 0.75, "largest_class": 0.6667,
        "purity": 0.75, "nmi": 0.1776, "ari": 0.1833,
    }  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted


def test_a_method_that_names_its_clusters_is_held_to_the_names() -> None:
    found = agreement(TRUTH, CLUSTERS, (BARE, MASKED))
    assert (found["named_by"], found["accuracy"]) == ("method", 0.25)
    assert found["accuracy_best_matching"] == 0.75


def test_faces_of_one_class_have_no_balanced_accuracy() -> None:
    found = agreement([MASKED] * 3, np.array([0, 1, 1]), None)
    assert (found["accuracy"], found["balanced_accuracy"]) == (0.6667, None)
    assert found["recall_bare"] is None
    assert found["purity"] == 1


@pytest.mark.parametrize(
    ("counts", "names"),
    [
        # Rows: masked, bare. Columns: cluster 0, cluster 1.
        ([[9, 1], [1, 9]], (MASKED, BARE)),
        ([[1, 9], [9, 1]], (BARE, MASKED)),
        ([[5, 5], [5, 5]], (BARE, MASKED)),
        ([[90, 10], [1, 0]], (MASKED, BARE)),
    ],
)
def test_the_best_matching_makes_most_faces_right(
    counts: list[list[int]], names: tuple[str, str]
) -> None:
    assert best_matching(np.array(counts)) == names


def test_the_papers_way_finds_two_clouds_and_their_most_typical_faces() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (60, 300)).astype(np.float32)
    features[20:, :30] += 5
    # The last face is of the second cloud, on its far side.
    features[-1, :30] += 3
    found = cluster_features(features, seed=1)
    assert len(set(found.clusters[:20])) == len(set(found.clusters[20:])) == 1
    assert found.clusters[0] != found.clusters[-1]
    assert ((found.scores > 0) == (found.clusters == 1)).all()
    assert found.typical.argmin() == 59
    again = cluster_features(features, seed=1)
    assert (again.clusters == found.clusters).all()


@pytest.mark.parametrize(("gamma", "middle"), [(1.0, 64), (2.0, 128), (0.5, 16)])
def test_gamma_above_one_makes_dark_parts_brighter(gamma: float, middle: int) -> None:
    patch = face_of((0, 64, 255), (0, 64, 255))
    corrected = gamma_corrected(patch, gamma).pixels[0, 0]
    assert corrected.tolist() == [0, middle, 255]


def test_skin_below_the_eyes_ranks_above_any_cloth() -> None:
    lower = {
        "skin": SKIN, "blue": BLUE_CLOTH, "black": (32, 32, 36), "white": (232, 232, 228),
        "red": (200, 40, 50), "yellow": (240, 220, 60),
    }  # fmt: skip
    shown = skin_shown([face_of(SKIN, colour) for colour in lower.values()])
    assert shown[0] > shown[1:].max()


def test_the_signs_of_skin_are_its_colour_and_that_it_is_the_same_above() -> None:
    red, yellow, redder, yellower, alike = skin_signs(face_of(SKIN, SKIN))
    assert min(red, yellow) > 10
    assert (redder, yellower, alike) == pytest.approx((0, 0, 0), abs=0.5)
    red, yellow, redder, yellower, alike = skin_signs(face_of(SKIN, GREY))
    assert (red, yellow) == pytest.approx((0, 0), abs=0.5)
    assert max(redder, yellower, alike) < -5


def test_the_views_of_a_face_are_kept_together(bare: list[FaceViews]) -> None:
    patches = [patch for face in bare for patch in face.patches]
    assert [len(face.patches) for face in pair_views([*patches, face_of(SKIN, SKIN)])] == [2, 2, 1]


def test_sheets_show_both_clusters_framed_by_label() -> None:
    faces = [
        FaceViews(face_of(SKIN, GREY, MASKED), None),
        FaceViews(face_of(SKIN, SKIN, BARE), None),
    ]
    clusters = np.array([1, 1])
    made = Clustering(
        clusters, np.ones(2), np.array([0.5, 2.0]), np.zeros((2, 2)), ("x", "y"), None
    )
    sheets = cluster_sheets(faces, made, seed=0)
    assert set(sheets) == {(1, "typical"), (1, "untypical"), (1, "random")}
    assert tuple(sheets[1, "typical"][0, 0]) == COLOURS[BARE]
    assert tuple(sheets[1, "untypical"][0, 0]) == COLOURS[MASKED]


def test_seeds_are_the_ends_of_the_colour_and_later_what_the_network_is_sure_of() -> None:
    from train.cluster.taught import first_wanted, next_wanted

    assert first_wanted(np.arange(10.0)).tolist() == [1, 1, 1, -1, -1, -1, -1, -1, -1, 0]
    before = np.array([0, 1, -1, -1])
    assert next_wanted(np.array([-4.0, 4.0, -0.1, 0.1]), before).tolist() == [0, 1, -1, -1]
    # Sure of no bare face: it keeps those it had.
    assert next_wanted(np.array([0.2, 4.0, 3.0, 0.1]), before).tolist() == [0, 1, 1, -1]


@pytest.fixture(scope="module")
def bare() -> list[FaceViews]:
    """The two faces with the landmarks that the detector finds."""
    settings = Detector(kind="mtcnn")
    detector = detector_in(load_bundle(settings.bundle), settings)
    photos = [find_photo(portrait) for portrait in (COLLINS, HOPPER)]
    faces = [LabelledFace(photo, BARE, None, photo.name, "portraits") for photo in photos]
    return pair_views(collect_patches(faces, detector))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, bare: list[FaceViews]) -> Path:
    """40 pictures of one face in a plain folder, every other one in a mask.

    Of one: the few that look barest, which clustering begins with, would all be of one of two, and
    whether the other's bare face is bare too would be the processor's rounding to decide.
    """
    folder = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(1)
    other, shown = bare
    for number in range(40):
        patch = shown.best
        kind = "bare" if number % 2 else "masked"
        dressed = patch if number % 2 else with_mask(patch, rng)
        face = augmented_cut(dressed, 96, 0.4, rng, other.labelled.pixels)
        write_picture(folder / f"{number:02d}_{kind}.png", face)
    return folder


def write_picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels[:, :, ::-1])


def labelled_folder(pictures: Path, folder: Path, *, flipped: bool) -> Path:
    """The same pictures in folders named by class."""
    for path in sorted(pictures.iterdir()):
        label = MASKED if path.stem.endswith("masked") != flipped else BARE
        write_picture(folder / label / path.name, read_picture(path))
    return folder


def cluster(*words: object) -> Result:
    return CliRunner().invoke(main, ["cluster", *map(str, words)])


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "clusters.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from train.cluster import taught
    from train.fitting import compact

    monkeypatch.setattr(taught, "SHOWN", 3000)
    monkeypatch.setattr(compact, "BATCH", 16)
    monkeypatch.setattr(taught, "BATCH", 16)


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


SHEETS = {
    f"sheets/cluster{number}_{kind}.png"
    for number in (0, 1)
    for kind in ("typical", "untypical", "random")
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("little_work")
def test_drawn_masks_come_apart_and_are_named_against_labels_that_say_the_opposite(
    pictures: Path, tmp_path: Path
) -> None:
    folder, out = labelled_folder(pictures, tmp_path / "faces", flipped=True), tmp_path / "out"
    done = cluster(folder, "--out", out)
    assert done.exit_code == 0, done.output
    rows = rows_of(out)
    assert len(rows) == 40
    right = [row["label"] == (MASKED if "masked" in row["name"] else BARE) for row in rows]
    assert np.mean(right) >= 0.8
    for row in rows:
        assert (float(row["score"]) > 0) == (row["cluster"] == "1") == (row["label"] == MASKED)
        assert (row["classname"] == MASKED) == ("bare" in row["name"])
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["named_by"] == "method"
    assert metrics["accuracy"] == pytest.approx(1 - np.mean(right))
    written = {"clusters.csv", "recipe.json", "report.html", "metrics.json"}
    assert files_in(out) == {*SHEETS, *written}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.backbones import random_weights

    return random_weights(tmp_path_factory.mktemp("weights"), "SqueezeNet")


def paper(folder: Path, out: Path, weights: Path, *words: object) -> Result:
    return cluster(
        folder, "--out", out, "--method", "paper", "--backbone", "squeezenet",
        "--weights", weights, *words,
    )  # fmt: skip


@pytest.mark.slow
def test_the_papers_way_is_named_by_the_best_matching(
    pictures: Path, tmp_path: Path, weights: Path
) -> None:
    folder, out = labelled_folder(pictures, tmp_path / "faces", flipped=False), tmp_path / "out"
    done = paper(folder, out, weights, "--gamma", "1.5")
    assert done.exit_code == 0, done.output
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["named_by"] == "best matching"
    assert metrics["accuracy"] == metrics["accuracy_best_matching"] >= 0.5
    assert json.loads((out / "recipe.json").read_text())["gamma"] == 1.5
    names = {(row["cluster"], row["label"]) for row in rows_of(out)}
    assert names <= {(str(number), name) for number, name in enumerate(metrics["names"])}
    assert "principal component" in (out / "report.html").read_text()


@pytest.mark.slow
def test_a_plain_folder_of_pictures_gets_sheets_and_no_figures(
    pictures: Path, tmp_path: Path, weights: Path
) -> None:
    out = tmp_path / "out"
    done = paper(pictures, out, weights)
    assert done.exit_code == 0, done.output
    assert files_in(out) == {*SHEETS, "clusters.csv", "recipe.json", "report.html"}
    rows = rows_of(out)
    assert [row["name"] for row in rows] == sorted(path.name for path in pictures.iterdir())
    assert {row["classname"] + row["label"] for row in rows} == {""}
    page = (out / "report.html").read_text()
    assert "<svg" in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_an_existing_folder_is_left_alone(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    done = cluster(pictures, "--out", out)
    assert (done.exit_code, "already there" in done.output) == (2, True)
    assert list(out.iterdir()) == []


def test_too_few_faces_are_refused_and_leave_no_folder(pictures: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    for path in sorted(pictures.iterdir())[:5]:
        write_picture(few / path.name, read_picture(path))
    done = cluster(few, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "expected at least 40 faces" in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--gamma", "2"], "--gamma: only --method paper takes it"),
        (["--method", "paper", "--weights", "none.h5"], "weights none.h5: no such file"),
        (["--method", "paper", "--backbone", "vgg1"], "did you mean VGG1"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    pictures: Path, tmp_path: Path, words: list[str], error: str
) -> None:
    done = cluster(pictures, "--out", tmp_path / "out", *words)
    assert done.exit_code == 2
    (line,) = [line for line in done.output.splitlines() if line.startswith("Error: ")]
    assert error in line
    assert not (tmp_path / "out").exists()
