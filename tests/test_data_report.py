"""The data report: what it counts, and that it needs nothing but itself."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edge.demo.portraits import COLLINS, HOPPER, find_photo
from edge.sources.pictures import read_picture
from train.cli import main
from train.data.annotations import BARE, MASKED


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A report on two folders, and what the command said."""
    folder = tmp_path_factory.mktemp("data")
    scenes, crops = folder / "scenes", folder / "crops"
    images = scenes / "Medical mask/Medical mask/Medical Mask/images"
    images.mkdir(parents=True)
    photo = read_picture(find_photo(COLLINS))
    cv2.imwrite(str(images / "1.jpg"), photo[:, :, ::-1])
    rows = ["1.jpg,150,10,290,180,face_no_mask", "1.jpg,150,60,290,180,face_with_mask"]
    rows += ["1.jpg,-9,0,60,60,face_with_mask", "1.jpg,9,9,5,5,face_no_mask", "1.jpg,1,1,9,9,hat"]
    rows += ["1.jpg,1,1,9,9,<b>helmit</b>"]
    (scenes / "train.csv").write_text("\n".join(["name,x1,x2,y1,y2,classname", *rows]) + "\n")
    rng = np.random.default_rng(0)
    for label, portrait in ((BARE, COLLINS), (MASKED, HOPPER)):
        (crops / label).mkdir(parents=True)
        face = cv2.resize(read_picture(find_photo(portrait)), (160, 200))
        for number in range(4):
            noisy = cv2.add(face, rng.integers(0, 20, face.shape, np.uint8))
            cv2.imwrite(str(crops / label / f"{number}.png"), noisy[:, :, ::-1])
    out = folder / "report"
    words = ["data", str(scenes), str(crops), "--allow-skipped", "--out", str(out)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    return out, done.output


def text_of(page: str) -> str:
    plain = re.sub(r"<(style|svg)\b.*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", plain)


def test_the_report_counts_what_is_there(report: tuple[Path, str]) -> None:
    text = text_of((report[0] / "report.html").read_text())
    for words in (
        "11 faces in 9 pictures",
        "6 masked",
        "5 bare",
        "2 skipped",
        "1 boxes clipped",
        "box is empty or inverted 1",
        "train.csv line 5",
        "unknown class: &lt;b&gt;helmit&lt;/b&gt;",
        "hat 1",
        "-9, 0, 60, 60",
    ):
        assert words in text, words


def test_the_report_needs_no_network_and_hides_no_markup(report: tuple[Path, str]) -> None:
    page = (report[0] / "report.html").read_text()
    assert not re.search(r"(src|href)=\"(?!data:|#)|url\((?!#)|@import|<script|<link", page)
    assert "helmit</b>" not in page
    assert "http" not in re.sub(r"http://www\.w3\.org/[\w/]+", "", page)


def test_the_report_shows_photos_crops_and_twins(report: tuple[Path, str]) -> None:
    page = (report[0] / "report.html").read_text()
    pictures = page.count("data:image/jpeg;base64,")
    # A photo with its boxes, 11 faces, and two pictures for each pair alike.
    assert pictures >= 1 + 11 + 2 * 6
    assert page.count("<svg") == 2


def test_all_that_is_skipped_is_in_a_table_of_its_own(report: tuple[Path, str]) -> None:
    lines = (report[0] / "skipped.csv").read_text().splitlines()
    assert lines[0] == "collection,where,picture,reason,detail"
    assert len(lines) == 3


def test_the_terminal_shows_the_figures(report: tuple[Path, str]) -> None:
    output = report[1]
    assert re.search(r"collection +class +training +validation", output)
    assert re.search(r"crops +masked +\d+ +\d+", output)
    assert "box is empty or inverted 1" in output
    assert "report: " in output
