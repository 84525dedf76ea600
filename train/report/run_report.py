"""The report of a trained model: one page from what its run folder holds."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from markupsafe import Markup

from edge.errors import MaskGateError
from edge.vision.cut import cut_face
from train.data.patches import Patch
from train.judging.metrics import SMALLEST, columns
from train.judging.predictions import Prediction, read_predictions
from train.report import run_charts
from train.report.page import picture, write_page

MISTAKES = 48
"""Wrong faces that the page shows at most, the surest first."""
PICTURE = 176
"""Side of their pictures in pixels."""
PAPER = (
    ("CNN, 3.4 million parameters, 128 x 128", "95 %"),
    ("VGG16, ImageNet weights, frozen", "87 %"),
    ("k-means on VGG16's features, no labels", "55 %"),
)
"""The paper's own table: accuracy on the 12 % of the rows that it held back."""
CURVES = {
    "loss": ("Loss", "loss (cross-entropy)"),
    "accuracy": ("Accuracy while training", "accuracy"),
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """A face that the model is wrong about."""

    prediction: Prediction
    context: Markup
    cut: Markup


@dataclass(frozen=True, slots=True)
class Subject:
    """What a report is about."""

    title: str
    of: str
    """The model, for the table beside the paper's."""
    about: str
    """Which faces it is judged on, a sentence or two."""
    recipe: Mapping[str, Any]
    """Has the model's size, margin, threshold, unsure and criterion; all of it is printed."""
    left_out: Mapping[str, int] | None
    """How many faces of the data were not used, by reason; None where it is not known."""


def write_report(run: Path, validation: Sequence[Patch]) -> None:
    """Write RUN/report.html from the run's recipe, metrics, predictions and history.

    Args:
        run: holds recipe.json (with `left_out`, if it is to be shown), metrics.json,
            predictions.csv and, if it was trained by epochs, history.csv.
        validation: the patches that were judged, for the pictures of the mistakes.

    Raises:
        MaskGateError: a file is missing or does not fit, or the report cannot be written.
    """
    recipe = read_json(run / "recipe.json")
    left_out = recipe.pop("left_out", None)
    subject = Subject(
        title=f"{recipe['model']}: training report",
        of=recipe["model"],
        about=_held_back(recipe),
        recipe=recipe,
        left_out=left_out,
    )
    write_judged_page(run, validation, subject)


def _held_back(recipe: Mapping[str, Any]) -> str:
    """Say which faces a run is judged on, and what makes its figures too good."""
    words = "Judged on faces held back from the training: "
    if recipe.get("split") == "rows":
        words += (
            "row by row, as the paper did, so faces of one photo are on both sides and the figures "
            "are too good."
        )
    else:
        words += "no photo and no group of near-duplicates is on both sides."
        if refused := recipe.get("duplicates_not_joined"):
            words += f" {refused} pairs alike may be: their groups would have been too large."
    if recipe.get("patience") is not None:
        words += " They also chose the epoch to stop at, so the figures are a little too good."
    return words


def write_judged_page(folder: Path, patches: Sequence[Patch], subject: Subject) -> None:
    """Write FOLDER/report.html from its metrics.json, predictions.csv and, if there, history.csv.

    Args:
        folder: where the files are.
        patches: those that were judged, in the order of the predictions; views around the
            detector's boxes among them are passed over.
        subject: what the page is about.

    Raises:
        MaskGateError: a file is missing or does not fit, or the page cannot be written.
    """
    metrics = read_json(folder / "metrics.json")
    predictions = read_predictions(folder / "predictions.csv")
    judged = [one for one in predictions if one.size >= SMALLEST]
    labelled = [patch for patch in patches if patch.around_label]
    if len(labelled) != len(predictions):
        raise MaskGateError(
            f"report of {folder}: predictions.csv has {len(predictions)} faces, the data have "
            f"{len(labelled)}; judge the model again"
        )
    history = read_history(folder / "history.csv")
    size, margin = subject.recipe["size"], subject.recipe["margin"]
    wrong = _wrong(predictions, labelled)
    write_page(
        folder / "report.html",
        "run_report.html",
        subject=subject,
        main=metrics["validation" if "validation" in metrics else "evaluation"],
        metrics=metrics,
        smallest=SMALLEST,
        charts=_charts(metrics, judged, subject.recipe),
        curves=_curves(history),
        mistakes=[_mistake(one, patch, size, margin) for one, patch in wrong[:MISTAKES]],
        mistakes_in_all=len(wrong),
        paper=PAPER,
        facts=facts_of(subject.recipe),
    )


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of a run.

    Raises:
        MaskGateError: it is missing or not a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
        found = f"a {type(content).__name__}"
    except (OSError, ValueError) as error:
        found = str(error)
    raise MaskGateError(
        f"{path}: expected a JSON object as maskgate-train writes it; found {found}"
    )


def read_history(path: Path) -> dict[str, list[float]]:
    """Read the columns of a table of numbers; none where there is no such file.

    Raises:
        MaskGateError: it is no such table.
    """
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else ())}
    except (OSError, TypeError, ValueError) as error:
        raise MaskGateError(f"history {path}: expected a table of numbers; {error}") from error


def _curves(history: Mapping[str, Sequence[float]]) -> list[tuple[str, Markup]]:
    return [
        (title, run_charts.learning_curve(title, history, column, label))
        for column, (title, label) in CURVES.items()
        if column in history
    ]


def _charts(
    metrics: Mapping[str, Any], judged: Sequence[Prediction], recipe: Mapping[str, Any]
) -> dict[str, Markup]:
    """The charts that the faces allow; most need both classes."""
    charts: dict[str, Markup] = {}
    if metrics["by_size"]:
        charts["size"] = run_charts.size_chart(metrics["by_size"])
    if judged:
        charts["confusion"] = run_charts.confusion_chart(metrics["confusion"])
    masked, probabilities = columns(judged)
    if masked.any() and not masked.all():
        threshold, unsure = recipe["threshold"], recipe["unsure"]
        before = [one.uncalibrated for one in judged if one.uncalibrated is not None]
        series = {"before calibration": np.array(before)} if len(before) == len(judged) else {}
        charts |= {
            "roc": run_charts.roc_chart(probabilities, masked, threshold),
            "precision_recall": run_charts.precision_recall_chart(probabilities, masked),
            "reliability": run_charts.reliability_chart(
                {**series, "after" if series else "as it is": probabilities}, masked
            ),
            "probabilities": run_charts.probability_chart(probabilities, masked, threshold, unsure),
            "thresholds": run_charts.threshold_chart(probabilities, masked, threshold, unsure),
        }
    return charts


def _wrong(
    predictions: Sequence[Prediction], patches: Sequence[Patch]
) -> list[tuple[Prediction, Patch]]:
    """The wrong faces of SMALLEST pixels and more, those that the model is surest of first."""
    pairs = zip(predictions, patches, strict=True)
    wrong = [pair for pair in pairs if not pair[0].right and pair[0].size >= SMALLEST]
    return sorted(wrong, key=lambda pair: -abs(pair[0].probability - 0.5))


def _mistake(prediction: Prediction, patch: Patch, size: int, margin: float) -> Mistake:
    cut = cut_face(patch.pixels, patch.box, size, margin)
    context = patch.pixels.copy()
    box = [
        round(side) for side in (patch.box.left, patch.box.top, patch.box.right, patch.box.bottom)
    ]
    cv2.rectangle(context, (box[0], box[1]), (box[2], box[3]), (255, 255, 255), 1)
    return Mistake(
        prediction,
        picture(context, f"{prediction.name}, the face and its surroundings", side=PICTURE),
        picture(cut, "what the model was shown", side=PICTURE),
    )


def facts_of(recipe: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """List all that a recipe says; a name within another one is joined to it by a space."""
    facts: list[tuple[str, str]] = []
    for key, value in recipe.items():
        name = f"{above} {key}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            facts += facts_of(value, name)
        elif isinstance(value, list | tuple):
            facts.append((name, ", ".join(map(str, value))))
        else:
            facts.append((name, str(value)))
    return facts
