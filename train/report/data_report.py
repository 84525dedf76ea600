"""The report on data: what is in it, what was left out, what it looks like."""

import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from markupsafe import Markup

from edge.bundle import MODELS, load_bundle
from edge.errors import MaskGateError
from edge.sources.pictures import read_picture
from edge.values import Pixels
from edge.vision.cut import cut_face
from train.data.annotations import BARE, LABELS, MASKED, LabelledFace
from train.data.checking import TINY
from train.data.dataset import Dataset
from train.data.grouping import Twin
from train.data.patches import Patch
from train.data.split import split
from train.report.charts import INK, bar_chart, drawing, outline
from train.report.page import picture, write_page
from train.report.run_charts import COLOURS

PHOTOS, CROPS, TWINS, ROWS = 12, 24, 24, 200
"""Most photos, crops of each class, pairs of near-duplicates, and lines of a list to show."""
MARKS = (20.0, 40.0)
"""Pixels at which the size of a face is marked: what figures are reported for, and what the
device looks for by default."""
SEED = 42
"""Of the draw of photos and crops."""
NAMES = {MASKED: "masked", BARE: "bare"}


@dataclass(frozen=True, slots=True)
class SplitRow:
    """How many faces of a collection and class each side of the split has."""

    collection: str
    label: str
    training: int
    validation: int


def write_data_report(dataset: Dataset, out: Path) -> str:
    """Write report.html and skipped.csv.

    Args:
        dataset: what to report on.
        out: folder to write to; made if it is not there.

    Returns:
        The same figures as a short table for a terminal.

    Raises:
        MaskGateError: the folder cannot be written, or a picture is gone.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write_skipped(dataset, out / "skipped.csv")
    except OSError as error:
        raise MaskGateError(f"report {out}: cannot be written ({error.strerror})") from error
    rng = np.random.default_rng(SEED)
    labelled = [patch for patch in dataset.patches if patch.around_label]
    counts = Counter((face.collection, face.label) for face in dataset.annotations.faces)
    rows = _split_rows(dataset)
    write_page(
        out / "report.html",
        "data_report.html",
        annotations=dataset.annotations,
        fingerprint=dataset.fingerprint,
        collections=sorted({collection for collection, _ in counts}),
        labels={NAMES[label]: sum(_of(counts, label)) for label in LABELS},
        counts_chart=_counts_chart(counts),
        sizes_chart=_sizes_chart(labelled),
        photos=_photos(dataset.annotations.faces, rng),
        crops={NAMES[label]: _crops(labelled, label, rng) for label in LABELS},
        twins=_twins(dataset, labelled),
        twins_by_kind=Counter(twin.kind for twin in dataset.twins),
        refused=dataset.refused,
        photo_count=len({face.picture for face in dataset.annotations.faces}),
        group_count=len({face.group for face in dataset.annotations.faces}),
        detected=len(dataset.patches) - len(labelled),
        split_rows=rows,
        leaking=_leaking(dataset),
        names=NAMES,
        tiny=TINY,
        most=ROWS,
    )
    return _table(dataset, rows)


def _of(counts: Counter[tuple[str, str]], label: str) -> list[int]:
    return [count for (_, one), count in counts.items() if one == label]


def _counts_chart(counts: Counter[tuple[str, str]]) -> Markup:
    keys = sorted(counts, key=lambda key: (key[0], LABELS.index(key[1])))
    bars = {
        f"{collection}, {NAMES[label]}": counts[collection, label] for collection, label in keys
    }
    colours = {f"{collection}, {NAMES[label]}": COLOURS[label] for collection, label in keys}
    return bar_chart("Faces of each class and collection", bars, "faces", colours)


def _sizes_chart(labelled: Sequence[Patch]) -> Markup:
    edges = list(np.geomspace(TINY, 640, 25))
    with drawing("Sizes of faces") as chart:
        axes = chart.axes
        for label in LABELS:
            sizes = [patch.size for patch in labelled if patch.label == label]
            outline(axes, sizes, edges, COLOURS[label], NAMES[label])
        axes.set_xscale("log")
        axes.set_xticks([10, 20, 40, 80, 160, 320, 640])
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        for mark in MARKS:
            axes.axvline(mark, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_xlabel("longer side of the labelled box, pixels")
        axes.set_ylabel("faces")
        axes.legend()
    return chart.svg


def _photos(faces: Sequence[LabelledFace], rng: np.random.Generator) -> list[tuple[Markup, str]]:
    """Random photos that have boxes, the boxes drawn; one of each group."""
    by_picture: defaultdict[Path, list[LabelledFace]] = defaultdict(list)
    for face in faces:
        if face.box is not None:
            by_picture[face.picture].append(face)
    paths = sorted({there[0].group: path for path, there in by_picture.items()}.values())
    shown = []
    for index in rng.permutation(len(paths))[:PHOTOS]:
        there = by_picture[paths[index]]
        drawn = _with_boxes(read_picture(paths[index]), there)
        counts = Counter(NAMES[face.label] for face in there)
        words = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        text = f"{there[0].collection}/{paths[index].name}: {words}"
        shown.append((picture(drawn, text, side=480), text))
    return shown


def _with_boxes(photo: Pixels, faces: Sequence[LabelledFace]) -> Pixels:
    scale = 480 / max(photo.shape[:2])
    size = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    drawn = np.asarray(cv2.resize(photo, size, interpolation=smooth), np.uint8)
    for face in faces:
        assert face.box is not None
        first = round(face.box.left * scale), round(face.box.top * scale)
        second = round(face.box.right * scale), round(face.box.bottom * scale)
        code = COLOURS[face.label]
        colour = tuple(int(code[at : at + 2], 16) for at in (1, 3, 5))
        cv2.rectangle(drawn, first, second, (255, 255, 255), 4, cv2.LINE_AA)
        cv2.rectangle(drawn, first, second, colour, 2, cv2.LINE_AA)
    return drawn


def _crops(
    labelled: Sequence[Patch], label: str, rng: np.random.Generator
) -> list[tuple[Markup, str]]:
    """Random faces as the device's classifier is shown them."""
    model = load_bundle(MODELS / "compact").manifest.input
    there = [patch for patch in labelled if patch.label == label]
    shown = []
    for index in rng.permutation(len(there))[:CROPS]:
        patch = there[index]
        cut = cut_face(patch.pixels, patch.box, model.width, model.margin)
        text = f"{patch.face.collection}, {patch.size:.0f} px"
        shown.append((picture(cut, f"{NAMES[label]}: {text}"), text))
    return shown


def _twins(dataset: Dataset, labelled: Sequence[Patch]) -> list[tuple[Markup, Markup, str]]:
    """The pairs that are least alike: those to doubt."""
    shown = []
    for twin in sorted(dataset.twins, key=lambda one: one.likeness)[:TWINS]:
        text = f"{twin.kind}s, {twin.likeness:.2f} alike"
        sides = [
            _twin_side(twin, number, dataset, labelled) for number in (twin.first, twin.second)
        ]
        shown.append((sides[0], sides[1], text))
    return shown


def _twin_side(twin: Twin, number: int, dataset: Dataset, labelled: Sequence[Patch]) -> Markup:
    face = dataset.annotations.faces[number]
    text = f"{face.collection}/{face.picture.name}"
    if twin.kind == "photo":
        return picture(read_picture(face.picture), text, side=160)
    # Every face has one patch around its labelled box, in the order of the faces.
    patch = labelled[number]
    return picture(cut_face(patch.pixels, patch.box, 120, 0.25), text)


def _split_rows(dataset: Dataset) -> list[SplitRow]:
    counts = [
        Counter((patch.face.collection, patch.label) for patch in side if patch.around_label)
        for side in split(dataset.patches)
    ]
    keys = sorted(counts[0] + counts[1], key=lambda key: (key[0], LABELS.index(key[1])))
    return [SplitRow(key[0], NAMES[key[1]], counts[0][key], counts[1][key]) for key in keys]


def _leaking(dataset: Dataset) -> float:
    """Share of validation faces of the paper's split whose group is in its training too."""
    training, validation = split(dataset.patches, "rows")
    seen = {patch.group for patch in training}
    leaking = [patch.group in seen for patch in validation if patch.around_label]
    return sum(leaking) / max(1, len(leaking))


def _write_skipped(dataset: Dataset, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(["collection", "where", "picture", "reason", "detail"])
        for one in dataset.annotations.skipped:
            writer.writerow([one.collection, one.where, one.picture, one.reason, one.detail])


def _table(dataset: Dataset, rows: Sequence[SplitRow]) -> str:
    found = dataset.annotations
    width = max(len(row.collection) for row in rows)
    lines = [f"{'collection':{width}}  class   training  validation"]
    lines += [
        f"{row.collection:{width}}  {row.label:6}  {row.training:8,}  {row.validation:10,}"
        for row in rows
    ]
    facts = {
        "groups": f"{len({face.group for face in found.faces}):,}, "
        f"{len(dataset.twins):,} joined by near-duplicates",
        "skipped": ", ".join(f"{why} {count}" for why, count in found.reasons.items()) or "none",
        "not used": ", ".join(f"{one} {count}" for one, count in found.unused.items()) or "none",
        "clipped": f"{len(found.clipped):,} boxes",
        f"under {TINY:g} px": f"{found.tiny:,} faces",
    }
    return "\n".join([*lines, "", *(f"{name:11} {value}" for name, value in facts.items())])
