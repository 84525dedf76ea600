"""The report of a detector: figures beside other detectors, and pictures of what went wrong."""

import base64
import re
from html import unescape
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import MaskGateError
from edge.probe.drawn_face import drawn_faces
from edge.values import Pixels
from tests.found import Square, found
from train.detector.looked import Looked
from train.detector.matching import Found
from train.detector.photos import Photo
from train.detector.report import PICTURES, write_detector_report

BARE: Square = (40, 40, 80)
MASKED: Square = (200, 60, 50)
EMPTY: Square = (40, 150, 60)
"""Where nothing is."""
BLUE, ORANGE, WHITE = (0, 114, 178), (213, 94, 0), (255, 255, 255)


def drawn_photo(folder: Path, number: int) -> Photo:
    """A photo of 320 x 240 with a bare and a masked face, both drawn."""
    pixels = np.full((240, 320, 3), 128, np.uint8)
    for (left, top, side), face in ((BARE, 0), (MASKED, 1)):
        pixels[top : top + side, left : left + side] = drawn_faces((side, side))[face]
    path = folder / f"<{number}>.png"
    cv2.imwrite(str(path), pixels[:, :, ::-1])
    there = found(bare=[BARE], masked=[MASKED])
    return Photo(path, f"photo {number}", "drawn", there.faces, there.masked, there.others)


def sees(*finds: tuple[Square, float]) -> Found:
    rng = np.random.default_rng(len(finds))
    points = rng.uniform(0, 9, (len(finds), 5, 2))
    return found(list(finds), bare=[BARE], masked=[MASKED], landmarks=points)


def write(
    folder: Path,
    detectors: dict[str, list[Found]],
    thresholds: dict[str, float] | None = None,
    worse: dict[str, dict[str, list[Found]]] | None = None,
) -> str:
    """Write a report on drawn photos; its HTML."""
    count = len(next(iter(detectors.values())))
    photos = [drawn_photo(folder, number) for number in range(count)]
    thresholds = thresholds or dict.fromkeys(detectors, 0.5)
    recipe = {"photos": "drawn & few", "thresholds": [0.6, 0.7, 0.5]}
    looked = Looked(photos, detectors, worse or {}, thresholds)
    write_detector_report(folder, looked, recipe, "drawn for the test.")
    return (folder / "report.html").read_text(encoding="utf-8")


def words_of(page: str) -> str:
    plain = re.sub(r"<(style|svg)\b.*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(plain).split())


def part(page: str, title: str) -> str:
    """The section below a heading."""
    after = page.split(f"<h2>{title}</h2>")
    assert len(after) == 2
    return after[1].split("<h2>")[0]


def rows_of(section: str) -> list[list[str]]:
    rows = re.findall(r"<tr.*?</tr>", section, re.DOTALL)
    cells = [re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL) for row in rows]
    return [[words_of(cell) for cell in row] for row in cells]


def pictures_of(section: str) -> list[Pixels]:
    codes = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', section)
    files = [np.frombuffer(base64.b64decode(code), np.uint8) for code in codes]
    return [np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR_RGB), np.uint8) for file in files]


def pixels_of(picture: Pixels, colour: tuple[int, int, int]) -> int:
    """How many pixels are of a colour, as far as JPEG keeps it; a box has more than 400."""
    away = np.abs(picture.astype(int) - colour).max(axis=2)
    return int((away < 40).sum())


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    page = write(tmp_path, {"<ours>": [sees((BARE, 0.9), (EMPTY, 0.8))], "stock": [sees()]})
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "<script" not in page
    assert page.count("<svg") == 8
    assert "<ours>" not in page
    assert "<0>.png" not in page
    assert "This page holds pictures of people." in words_of(page)
    assert "drawn & few" in words_of(part(page, "Recipe"))


def test_the_tables_give_recall_by_size_and_class_of_each_detector(tmp_path: Path) -> None:
    ours = [sees((BARE, 0.9), (MASKED, 0.4)), sees((BARE, 0.8), (EMPTY, 0.6))]
    stock = [sees((MASKED, 0.95), (EMPTY, 0.3)), sees()]
    page = write(tmp_path, {"ours": ours, "stock": stock}, {"ours": 0.5, "stock": 0.2})
    # No false face is allowed on two photos: ours stops above 0.6, stock above 0.3.
    at_allowed = rows_of(part(page, "At 0.05 false faces per photo"))
    assert at_allowed[0] == [
        "detector", "recall, masked", "recall, bare", "AP", "false per photo", "threshold",
    ]  # fmt: skip
    assert [row[0] for row in at_allowed[1:4]] == ["Faces of 40+ px", "ours", "stock"]
    assert at_allowed[2][1:] == ["0.0 % 0 of 2", "100.0 % 2 of 2", "68.8 %", "0.000", "0.8000"]
    assert at_allowed[3][1:] == ["50.0 % 1 of 2", "0.0 % 0 of 2", "25.0 %", "0.000", "0.9500"]
    assert at_allowed[5][1:] == ["-", "-", "-", "0.000", "0.8000"]
    used = rows_of(part(page, "As they are used"))
    assert used[2][1:3] + used[2][4:] == ["0.0 % 0 of 2", "100.0 % 2 of 2", "0.500", "0.5000"]
    assert used[3][1:3] + used[3][4:] == ["50.0 % 1 of 2", "0.0 % 0 of 2", "0.500", "0.2000"]


def test_the_usual_overlap_is_reported_beside_ours(tmp_path: Path) -> None:
    # Moved by 32 of its 80 pixels, it overlaps the face by 0.43.
    page = write(tmp_path, {"ours": [sees(((72, 40, 80), 0.9))]})
    assert rows_of(part(page, "At 0.05 false faces per photo"))[2][2] == "100.0 % 1 of 1"
    strict = rows_of(part(page, "By the usual overlap of 0.5"))
    assert strict[2][2] == "0.0 % 0 of 1"
    assert strict[2][-1] == "-"


def test_what_is_found_in_worse_photos_is_told_beside_the_same_as_they_are(tmp_path: Path) -> None:
    ours, stock = [sees((BARE, 0.9), (MASKED, 0.9))], [sees((BARE, 0.9))]
    dark = {"ours": [sees((MASKED, 0.6), (EMPTY, 0.7))], "stock": [sees((BARE, 0.4))]}
    page = write(tmp_path, {"ours": ours, "stock": stock}, worse={"dark": dark})
    section = part(page, "In worse photos")
    assert [row[:3] + row[4:5] for row in rows_of(section)[1:]] == [
        ["as they are"],
        ["ours", "100.0 % 1 of 1", "100.0 % 1 of 1", "0.000"],
        ["stock", "0.0 % 0 of 1", "100.0 % 1 of 1", "0.000"],
        ["dark"],
        ["ours", "100.0 % 1 of 1", "0.0 % 0 of 1", "1.000"],
        ["stock", "0.0 % 0 of 1", "0.0 % 0 of 1", "0.000"],
    ]
    assert section.count("<svg") == 2
    light, made_dark = pictures_of(section)
    assert light.mean() > 3 * made_dark.mean()
    for picture in (light, made_dark):
        assert pixels_of(picture, ORANGE) > 400


def test_thresholds_close_to_one_are_told_apart(tmp_path: Path) -> None:
    page = write(tmp_path, {"ours": [sees((BARE, 0.999987), (EMPTY, 0.999986))]})
    assert rows_of(part(page, "At 0.05 false faces per photo"))[2][-1] == "0.999987"


def test_missed_faces_are_shown_the_largest_first(tmp_path: Path) -> None:
    page = write(tmp_path, {"ours": [sees((MASKED, 0.3), (EMPTY, 0.9))]})
    section = part(page, "Missed faces")
    words = words_of(section)
    assert "All 2 missed faces" in words
    assert "bare , 80 px not found <0>.png masked , 50 px only at 0.300 <0>.png" in words
    bare, masked = pictures_of(section)
    assert pixels_of(bare, ORANGE) > 400
    assert pixels_of(masked, BLUE) > 400


def test_finds_are_drawn_from_the_threshold_on(tmp_path: Path) -> None:
    shown = []
    for finds in ([], [(EMPTY, 0.4)], [(EMPTY, 0.5)]):
        page = write(tmp_path, {"ours": [sees(*finds)]})
        shown.append(pictures_of(part(page, "Missed faces"))[0])
    assert np.array_equal(shown[0], shown[1])
    assert pixels_of(shown[2], WHITE) > pixels_of(shown[0], WHITE) + 400


def test_false_faces_are_shown_with_the_reason(tmp_path: Path) -> None:
    ours = sees((BARE, 0.99), (EMPTY, 0.6), ((42, 40, 80), 0.7), ((225, 60, 50), 0.8))
    section = part(write(tmp_path, {"ours": [ours]}), "False faces")
    words = words_of(section)
    assert "All 3 false faces" in words
    reasons = re.findall(r"(0\.\d+), (\d+) px (.*?) <0>.png", words)
    assert reasons == [
        ("0.800", "50", "off a face, overlap 0.33"),
        ("0.700", "80", "a second find on a face"),
        ("0.600", "60", "no labelled face there"),
    ]
    assert len(pictures_of(section)) == 3


def test_a_face_at_the_border_is_shown_within_its_photo(tmp_path: Path) -> None:
    ours = sees(((-10, -10, 40), 0.9), ((290, 200, 60), 0.8), ((-20, -20, 400), 0.7))
    shown = pictures_of(part(write(tmp_path, {"ours": [ours]}), "False faces"))
    assert len(shown) == 3
    assert all(max(pixels.shape) <= 208 for pixels in shown)


def test_only_so_many_pictures_are_shown(tmp_path: Path) -> None:
    places = [(x, y, 20) for x in range(0, 300, 22) for y in (0, 200, 220)]
    faces = [(x, y + 100, 20) for x, y, _ in places]
    assert len(places) > PICTURES
    ours = found([(place, 0.9) for place in places], masked=faces)
    page = write(tmp_path, {"ours": [ours]})
    for title, words in (("Missed faces", "missed faces"), ("False faces", "false faces")):
        section = part(page, title)
        assert f"{PICTURES} of {len(places)} {words}" in words_of(section)
        assert len(pictures_of(section)) == PICTURES


def test_what_there_is_none_of_is_left_out_or_said(tmp_path: Path) -> None:
    perfect = [sees((BARE, 0.9), (MASKED, 0.9))]
    page = write(tmp_path, {"ours": perfect})
    assert words_of(part(page, "Missed faces")) == "None."
    assert words_of(part(page, "False faces")) == "None."
    assert "<h2>Training</h2>" not in page
    assert "<h2>Landmarks</h2>" not in page


@pytest.mark.parametrize(
    "photo", [found(), found([(EMPTY, 0.9)]), found(bare=[BARE]), found(masked=[(0, 0, 12)])]
)
def test_photos_with_no_faces_or_no_finds_make_a_page(tmp_path: Path, photo: Found) -> None:
    page = write(tmp_path, {"ours": [photo], "stock": [photo]})
    assert "nan" not in words_of(page)
    assert page.count("<svg") == 8
    assert "there are none" in words_of(page)


def test_the_loss_is_drawn_where_it_is_noted(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("epoch,loss,seconds\n1,0.7,9.5\n2,0.5,9.6\n")
    section = part(write(tmp_path, {"ours": [sees()]}), "Training")
    assert re.findall(r"<h3>(.*?)</h3>", section) == ["Loss"]
    assert section.count("<svg") == 1


def test_a_history_that_is_no_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("epoch,loss,seconds\n1,low,9.5\n")
    with pytest.raises(MaskGateError, match=r"history\.csv: expected a table of numbers"):
        write(tmp_path, {"ours": [sees()]})


def test_landmarks_are_compared_from_each_detectors_threshold(tmp_path: Path) -> None:
    points = np.zeros((2, 5, 2))
    finds = [(BARE, 0.9), (MASKED, 0.6)]
    ours = found(finds, bare=[BARE], masked=[MASKED], landmarks=points)
    stock = found(finds, bare=[BARE], masked=[MASKED], landmarks=points + np.array([4, 0]))
    without = found(finds, bare=[BARE], masked=[MASKED])
    detectors = {"ours": [ours], "stock": [stock], "one without": [without]}
    page = write(tmp_path, detectors, {"ours": 0.5, "stock": 0.7, "one without": 0.5})
    assert rows_of(part(page, "Landmarks"))[1:] == [
        ["stock", "both", "1", "5.0 %", "5.0 %"],
        ["stock", "bare", "1", "5.0 %", "5.0 %"],
    ]
