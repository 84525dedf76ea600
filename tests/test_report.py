"""The report of a model: one page that needs nothing else, and says what was measured."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from edge.errors import MaskGateError
from edge.values import Box, Landmarks
from train.data.annotations import BARE, MASKED, LabelledFace
from train.data.patches import Patch, make_patch
from train.judging.calibrate import CRITERION
from train.judging.metrics import measure
from train.judging.predictions import Prediction, predict, write_predictions
from train.report.charts import bar_chart, histogram
from train.report.page import picture, write_page
from train.report.run_report import write_report

POINTS = Landmarks((1, 1), (3, 1), (2, 2), (1, 3), (3, 3))


def patch_of(number: int, label: str, size: float = 40.0, *, detected: bool = False) -> Patch:
    photo = np.random.default_rng(number).integers(0, 256, (120, 120, 3), dtype=np.uint8)
    box = Box(30, 30, 30 + size, 30 + size)
    face = LabelledFace(Path(f"<b>{number}.jpg"), label, box, f"photo {number}", "shapes & co")
    return make_patch(photo, face, box, POINTS if detected else None)


def write_run(run: Path, probabilities: list[float], sizes: list[float] | None = None) -> list:
    """A run whose odd faces are masked, with these probabilities of a mask; its patches."""
    run.mkdir()
    patches, rows = [], []
    for number, probability in enumerate(probabilities):
        size = sizes[number] if sizes else 40.0
        label = MASKED if number % 2 else BARE
        patch = patch_of(number, label, size)
        rows.append(predict(patch, probability, 0.5, uncalibrated=probability**2))
        patches += [patch, patch_of(number, label, size, detected=True)]
    calibration = {"brier": 0.1, "calibration_error": 0.05}
    metrics = measure(rows, rows[:5], (0.3, 0.7))
    metrics["calibration"] = {"folds": 5, "before": calibration, "after": calibration}
    recipe = {
        "model": "tiny",
        "size": 32,
        "margin": 0.25,
        "threshold": 0.5,
        "unsure": [0.3, 0.7],
        "criterion": CRITERION,
        "criterion_met": False,
        "versions": {"keras": "3.<9>"},
        "left_out": {"class hat": 7},
    }
    (run / "metrics.json").write_text(json.dumps(metrics))
    (run / "recipe.json").write_text(json.dumps(recipe))
    (run / "history.csv").write_text(
        "epoch,loss,accuracy,val_loss,val_accuracy\n"
        "1,0.7,0.5,0.6,0.6\n2,0.5,0.8,0.5,0.7\n3,0.3,0.9,0.4,0.8\n"
    )
    write_predictions(run / "predictions.csv", rows)
    return patches


def some_probabilities(faces: int = 60) -> list[float]:
    rng = np.random.default_rng(4)
    odd = np.arange(faces) % 2
    return list(np.clip(0.15 + 0.7 * odd + rng.normal(0, 0.2, faces), 0.001, 0.999))


class Page(HTMLParser):
    """Which addresses a page names, how its elements nest, and its words."""

    VOID = frozenset({"meta", "img", "br", "link", "hr", "input"})

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.elements: list[str] = []
        self.open: list[str] = []
        self.words = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.words = " ".join(self.words.split())

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "srcset", "data", "action"):
                self.addresses.append(value)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += f" {data}"


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    patches = write_run(tmp_path / "run", some_probabilities())
    write_report(tmp_path / "run", patches)
    page = Page(tmp_path / "run" / "report.html")
    assert page.open == []
    assert "svg" in page.elements
    for address in page.addresses:
        assert address.startswith(("data:image/", "#")), address
    assert not re.search(r"https?:|@import", page.source, re.IGNORECASE)
    assert not {"script", "link", "iframe", "object"} & set(page.elements)
    for target in re.findall(r"(?:url\(|href=\")#([^)\"]+)", page.source):
        assert page.source.count(f'id="{target}"') == 1
    ids = re.findall(r'\sid="([^"]+)"', page.source)
    assert len(ids) == len(set(ids))


def test_the_page_shows_all_that_was_measured(tmp_path: Path) -> None:
    patches = write_run(tmp_path / "run", some_probabilities())
    write_report(tmp_path / "run", patches)
    page = Page(tmp_path / "run" / "report.html")
    charts = re.findall(r'aria-label="([^"]+)"', page.source)
    assert charts == [
        "Loss", "Accuracy while training", "Confusion matrix", "ROC curve",
        "Precision and recall", "Other thresholds", "Probabilities", "Reliability",
        "Accuracy by face size",
    ]  # fmt: skip
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    validation = metrics["validation"]
    for shown in (
        f"{validation['accuracy'] * 100:.1f} %",
        f"{validation['recall_bare'] * 100:.1f} %",
        f"{metrics['classes'][MASKED]['f1'] * 100:.1f} %",
        "95 %", "87 %", "55 %", "faces of one photo on both sides",
        "This page holds pictures of people.", "do not publish",
        "No band meets it here", "one more wrong face",
        "class hat 7", "versions keras 3.<9>", "shapes & co",
    ):  # fmt: skip
        assert shown in page.words, shown
    # Files may be called what they will: a name is no markup.
    assert "<b>1.jpg" not in page.source


def test_colours_follow_the_page_into_the_dark() -> None:
    chart = bar_chart("Faces", {"masked <1>": 3, "bare": 2}, "faces")
    assert "var(--masked)" in chart
    assert "var(--ink)" in chart
    assert not re.search(r"(fill|stroke): #", chart)
    assert "masked &lt;1&gt;" in chart
    # It would hold for the whole page.
    assert "<style" not in chart


def test_the_mistakes_are_shown_the_surest_first(tmp_path: Path) -> None:
    probabilities = [0.1] * 20
    probabilities[1], probabilities[3], probabilities[4] = 0.3, 0.02, 0.95
    probabilities[5::2] = [0.9] * len(probabilities[5::2])
    patches = write_run(tmp_path / "run", probabilities)
    write_report(tmp_path / "run", patches)
    page = Page(tmp_path / "run" / "report.html")
    shown = re.findall(r"is (\w+) mask ([\d.]+) %, 40 pixels <b>(\d+).jpg", page.words)
    assert shown == [(MASKED, "2.0", "3"), (BARE, "95.0", "4"), (MASKED, "30.0", "1")]
    assert page.elements.count("img") == 2 * len(shown)


def test_a_model_without_mistakes_has_a_page_without_people(tmp_path: Path) -> None:
    patches = write_run(tmp_path / "run", [0.1, 0.9] * 10)
    write_report(tmp_path / "run", patches)
    page = Page(tmp_path / "run" / "report.html")
    assert "Mistakes None." in page.words
    assert "pictures of people" not in page.words
    assert "img" not in page.elements


@pytest.mark.parametrize(
    ("chosen", "too_good"),
    [
        ({"split": "groups", "patience": None}, False),
        ({"split": "rows", "patience": None}, True),
        ({"split": "groups", "patience": 5}, True),
    ],
)
def test_the_page_says_where_its_figures_are_too_good(
    tmp_path: Path, chosen: dict[str, object], *, too_good: bool
) -> None:
    patches = write_run(tmp_path / "run", [0.1, 0.9] * 10)
    recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())
    (tmp_path / "run" / "recipe.json").write_text(json.dumps({**recipe, **chosen}))
    write_report(tmp_path / "run", patches)
    about = Page(tmp_path / "run" / "report.html").words.partition("Judged on ")[2]
    assert ("too good" in about.partition(" accuracy ")[0]) == too_good


@pytest.mark.parametrize(
    ("probabilities", "sizes"),
    [([0.9], [40.0]), ([0.9, 0.2], [15.0, 12.0]), ([0.2, 0.9], [15.0, 64.0])],
    ids=["one face", "small faces only", "one class only"],
)
def test_a_page_is_made_of_little_too(
    tmp_path: Path, probabilities: list[float], sizes: list[float]
) -> None:
    patches = write_run(tmp_path / "run", probabilities, sizes)
    (tmp_path / "run" / "history.csv").unlink()
    write_report(tmp_path / "run", patches)
    page = Page(tmp_path / "run" / "report.html")
    assert "Training</h2>" not in page.source
    assert ("there is nothing to judge by" in page.words) == (max(sizes) < 20)


def test_patches_of_other_data_are_refused(tmp_path: Path) -> None:
    patches = write_run(tmp_path / "run", [0.1, 0.9, 0.2])
    with pytest.raises(MaskGateError, match=r"predictions.csv has 3 faces, the data have 2"):
        write_report(tmp_path / "run", patches[:4])
    assert not (tmp_path / "run" / "report.html").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("recipe.json", b"[]"),
        ("recipe.json", b"\xff\xfe\x00"),
        ("metrics.json", b"{"),
        ("predictions.csv", b"a,b\n1,2"),
        ("history.csv", b"epoch,loss\n1,much"),
        ("history.csv", b"epoch,loss\n1"),
    ],
)
def test_a_damaged_run_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    patches = write_run(tmp_path / "run", [0.1, 0.9])
    (tmp_path / "run" / name).write_bytes(content)
    with pytest.raises(MaskGateError, match=re.escape(name)) as caught:
        write_report(tmp_path / "run", patches)
    assert "\n" not in str(caught.value)


def test_pictures_keep_their_colours_and_their_shape() -> None:
    import base64

    import cv2

    red = np.zeros((40, 80, 3), np.uint8)
    red[..., 0] = 250
    html = picture(red, 'a "red" <one>', side=20)
    assert 'width="20" height="10"' in html
    assert "<one>" not in html
    code = base64.b64decode(html.split("base64,")[1].split('"')[0])
    blue, green, again = cv2.imdecode(np.frombuffer(code, np.uint8), 1)[5, 10]
    assert again > 230
    assert max(blue, green) < 20


def test_a_page_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    patches = write_run(tmp_path / "run", [0.1, 0.9])
    (tmp_path / "run" / "report.html").mkdir()
    with pytest.raises(MaskGateError, match="cannot be written"):
        write_report(tmp_path / "run", patches)
    with pytest.raises(MaskGateError, match="cannot be written"):
        write_page(tmp_path / "none" / "x.html", "base.html")


def test_a_value_beyond_the_edges_counts_into_the_outermost_bin() -> None:
    chart = histogram("Sizes", {"a": [1, 5, 999]}, [2, 4, 8], "pixels", {"a": "#0072b2"})
    same = histogram("Sizes", {"a": [3, 5, 6]}, [2, 4, 8], "pixels", {"a": "#0072b2"})
    assert chart == same


def test_rows_tell_right_from_wrong() -> None:
    row = predict(patch_of(1, BARE), 0.5, threshold=0.5)
    assert isinstance(row, Prediction)
    assert (row.predicted, row.right, row.size) == (MASKED, False, 40)
    assert predict(patch_of(1, BARE), 0.4, threshold=0.3).predicted == MASKED
    assert predict(patch_of(1, BARE), 0.6, threshold=0.7).right
