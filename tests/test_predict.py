import csv
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from edge.bundle import load_bundle
from edge.cli import main
from edge.config import Detector
from edge.demo.portraits import COLLINS, HOPPER, find_photo
from edge.finder import detector_in
from edge.sources.pictures import read_picture
from edge.values import Box
from edge.vision.cut import cut_face


def predict(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["predict", *map(str, words)])


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_each_face_of_a_photo_gets_a_row_in_the_dataset_s_columns(tmp_path: Path) -> None:
    out = tmp_path / "faces.csv"
    done = predict(find_photo(COLLINS), find_photo(HOPPER), "--out", out)
    assert done.exit_code == 0, done.output
    header, *found_rows = rows(out)
    assert header == ["name", "x1", "x2", "y1", "y2", "classname", "score"]
    assert len(found_rows) <= 3
    settings = Detector(min_face=20)
    detector = detector_in(load_bundle(settings.bundle), settings)
    for portrait in (COLLINS, HOPPER):
        # The surest comes first; photos are searched for so small faces that one more may be wrong.
        _, left, top, right, bottom, label, score = next(
            row for row in found_rows if row[0] == portrait.file
        )
        found = Box(int(left), int(top), int(right), int(bottom))
        surest = detector.detect(read_picture(find_photo(portrait)))[0].box
        assert found == Box(*map(round, (surest.left, surest.top, surest.right, surest.bottom)))
        # The noted box is the stock detector's; this one's begins and ends lower, and is wider.
        assert found.overlap(portrait.box) > 0.65
        assert label == "face_no_mask"
        assert 0.5 <= float(score) <= 1


def test_with_crops_each_picture_is_a_face(tmp_path: Path) -> None:
    face = cut_face(read_picture(find_photo(COLLINS)), COLLINS.box, 128, 0.25)
    cv2.imwrite(str(tmp_path / "face.png"), face[:, :, ::-1])
    out = tmp_path / "faces.csv"
    assert predict(tmp_path / "face.png", "--crops", "--out", out).exit_code == 0
    header, (file, label, _) = rows(out)
    assert header == ["file", "classname", "score"]
    assert (file, label) == ("face.png", "face_no_mask")


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((1, 1, 3), 9, np.uint8),
        np.full((11, 900, 3), 9, np.uint8),
        np.full((300, 300), 9, np.uint8),
        np.full((300, 300, 4), 9, np.uint8),
    ],
    ids=["one pixel", "a line", "grey", "transparent"],
)
def test_odd_pictures_have_no_faces(tmp_path: Path, pixels: np.ndarray) -> None:
    cv2.imwrite(str(tmp_path / "odd.png"), pixels)
    out = tmp_path / "faces.csv"
    assert predict(tmp_path / "odd.png", "--out", out).exit_code == 0
    assert len(rows(out)) == 1


@pytest.mark.slow
def test_a_picture_of_8k_is_searched(tmp_path: Path) -> None:
    photo = cv2.imread(str(find_photo(COLLINS)))
    picture = np.full((4320, 7680, 3), 70, np.uint8)
    picture[2000:2512, 5000:5512] = photo
    cv2.imwrite(str(tmp_path / "8k.jpg"), picture)
    out = tmp_path / "faces.csv"
    assert predict(tmp_path / "8k.jpg", "--out", out).exit_code == 0
    found = [(int(row[1]), int(row[2])) for row in rows(out)[1:]]
    assert any(abs(x - 5180) < 20 and abs(y - 2075) < 20 for x, y in found)


def test_an_unreadable_picture_is_named_and_the_others_are_done(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = find_photo(HOPPER).read_bytes()
    (tmp_path / "a_broken.jpg").write_bytes(content[: len(content) // 2])
    (tmp_path / "b_whole.jpg").write_bytes(content)
    out = tmp_path / "faces.csv"
    done = predict(tmp_path, "--out", out)
    assert done.exit_code == 2
    assert "a_broken.jpg" in caplog.text
    assert [row[0] for row in rows(out)[1:]] == ["b_whole.jpg"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nowhere.jpg", "--out", "faces.csv"], "nowhere.jpg: no such file or folder"),
        ([".", "--out", "faces.csv"], "no pictures in it"),
    ],
)
def test_a_path_that_is_not_there_is_named_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = predict(*words)
    assert done.exit_code == 2
    assert expected in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_csv_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    done = predict(find_photo(HOPPER), "--out", tmp_path / "none" / "faces.csv")
    assert done.exit_code == 2
    assert "predictions" in done.output
    assert "Traceback" not in done.output


def test_a_csv_never_replaces_a_picture_that_is_read(tmp_path: Path) -> None:
    content = find_photo(HOPPER).read_bytes()
    (tmp_path / "a.jpg").write_bytes(content)
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a.jpg")
    for out in ("a.jpg", "link.jpg"):
        for read in (tmp_path, tmp_path / "a.jpg"):
            done = predict(read, "--out", tmp_path / out)
            assert done.exit_code == 2
            assert f"{out}: is the file that is read" in done.output
    assert (tmp_path / "a.jpg").read_bytes() == content


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_a_csv_never_replaces_what_is_no_file(tmp_path: Path, kind: str) -> None:
    out = tmp_path / kind
    if kind == "pipe":
        os.mkfifo(out)
    elif kind == "folder":
        out.mkdir()
    else:
        out.symlink_to(os.devnull)
    before = out.stat()
    done = predict(find_photo(HOPPER), "--out", out)
    assert done.exit_code == 2
    assert "a device, pipe or folder is there" in done.output
    assert out.stat().st_ino == before.st_ino


def test_a_csv_behind_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "faces.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("faces.csv")
    assert predict(find_photo(HOPPER), "--out", tmp_path / "link.csv").exit_code == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert len(rows(tmp_path / "faces.csv")) == 2


def test_where_no_csv_can_be_written_no_picture_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    done = predict(tmp_path / "broken.jpg", "--out", tmp_path / "none" / "faces.csv")
    assert done.exit_code == 2
    assert "no folder" in done.output
    assert not caplog.records


def test_a_pipe_is_left_out_rather_than_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = predict(tmp_path / "pipe", "--out", tmp_path / "faces.csv")
    assert done.exit_code == 2
    assert "pipe: not a file" in caplog.text


def test_a_picture_whose_name_no_csv_can_hold_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    path.write_bytes(find_photo(HOPPER).read_bytes())
    out = tmp_path / "faces.csv"
    done = predict(path, find_photo(HOPPER), "--out", out)
    assert done.exit_code == 2
    assert "caf\\xe9.jpg: its name is not UTF-8" in caplog.text
    assert len(rows(out)) == 2
