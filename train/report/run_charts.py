"""The charts of a model's report: how it learned, and what it makes of the validation faces."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import precision_recall_curve, roc_curve

from train.data.annotations import LABELS
from train.judging.metrics import Flags, Numbers, reliability, wilson
from train.report.charts import (
    BARE_COLOUR,
    INK,
    LINE,
    MASKED_COLOUR,
    MUTED,
    OTHER,
    drawing,
    outline,
)

COLOURS = dict(zip(LABELS, (MASKED_COLOUR, BARE_COLOUR), strict=True))
History = Mapping[str, Sequence[float]]
"""Columns of history.csv, a number for each epoch."""


def learning_curve(name: str, history: History, column: str, label: str) -> Markup:
    """Draw a column of the history, and of the validation faces if there is one, by epoch.

    Args:
        name: what it shows, see `drawing`.
        history: columns of numbers; `val_` before a name is on the validation faces.
        column: e.g. "loss".
        label: of the vertical axis, with its unit.
    """
    with drawing(name) as chart:
        axes = chart.axes
        series = {"training": column, "validation": f"val_{column}"}
        for (shown, key), colour in zip(series.items(), (MASKED_COLOUR, BARE_COLOUR), strict=True):
            if key in history:
                epochs = np.arange(1, len(history[key]) + 1)
                style = "o-" if len(epochs) < 3 else "-"
                axes.plot(epochs, history[key], style, color=colour, label=shown)
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        if column == "accuracy":
            axes.yaxis.set_major_formatter(_percent)
        if f"val_{column}" in history:
            axes.legend()
    return chart.svg


def confusion_chart(confusion: Mapping[str, Mapping[str, int]]) -> Markup:
    """Draw the confusion matrix: a row for each true class, its shares and numbers."""
    with drawing("Confusion matrix") as chart:
        axes = chart.axes
        for row, label in enumerate(LABELS):
            of = max(1, sum(confusion[label].values()))
            for column, said in enumerate(LABELS):
                count = confusion[label][said]
                colour = MASKED_COLOUR if said == label else BARE_COLOUR
                # Darkest at half: the numbers on it must stay readable.
                shade = 0.08 + 0.42 * count / of
                axes.fill_between(
                    [column - 0.49, column + 0.49],
                    row - 0.49,
                    row + 0.49,
                    color=colour,
                    alpha=shade,
                    linewidth=0,
                )
                axes.text(column, row - 0.06, f"{count:,}", ha="center", va="center", fontsize=17)
                axes.text(
                    column,
                    row + 0.24,
                    f"{_percent(round(count / of, 3))} of the row",
                    ha="center",
                    va="center",
                    fontsize=9,
                )
        axes.set_xticks([0, 1], LABELS)
        axes.set_yticks([0, 1], LABELS, rotation=90, va="center")
        axes.set_xlim(-0.5, 1.5)
        axes.set_ylim(1.5, -0.5)
        axes.set_xlabel("the model says")
        axes.set_ylabel("a person says")
        axes.grid(visible=False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return chart.svg


def roc_chart(probabilities: Numbers, masked: Flags, threshold: float) -> Markup:
    """Draw the receiver operating characteristic, its corner enlarged, and where it is used."""
    false, true, _ = roc_curve(masked, probabilities, drop_intermediate=False)
    used = probabilities >= threshold
    at = float(used[~masked].mean()), float(used[masked].mean())
    with drawing("ROC curve") as chart:
        axes = chart.axes
        axes.plot([0, 1], [0, 1], color=LINE, linewidth=1)
        inner = axes.inset_axes((0.36, 0.13, 0.6, 0.6))
        for one in (axes, inner):
            one.plot(false, true, color=MASKED_COLOUR)
            one.plot(*at, "o", color=BARE_COLOUR, markersize=5)
        _corner(inner, (0, 0.1), (0.9, 1))
        _shares(axes, "bare faces called masked", "masked faces found")
    return chart.svg


def precision_recall_chart(probabilities: Numbers, masked: Flags) -> Markup:
    """Draw precision against recall of either class, the corner enlarged."""
    with drawing("Precision and recall") as chart:
        axes = chart.axes
        inner = axes.inset_axes((0.1, 0.13, 0.6, 0.6))
        truths = {LABELS[0]: (masked, probabilities), LABELS[1]: (~masked, 1 - probabilities)}
        for label, (truth, scores) in truths.items():
            precision, recall, _ = precision_recall_curve(truth, scores)
            # The last point, precision 1 at recall 0, is a convention and no measurement.
            for one in (axes, inner):
                one.plot(recall[:-1], precision[:-1], color=COLOURS[label], label=label)
        _corner(inner, (0.9, 1), (0.9, 1))
        _shares(axes, "recall", "precision")
        inner.legend(loc="lower left", fontsize=8)
    return chart.svg


def reliability_chart(series: Mapping[str, Numbers], masked: Flags) -> Markup:
    """Draw how many faces of each probability are masked, before and after calibration.

    Args:
        series: names of at most two sets of probabilities of the same faces, the main one last.
        masked: whether each face is.
    """
    with drawing("Reliability") as chart:
        axes = chart.axes
        axes.plot([0, 1], [0, 1], color=LINE, linewidth=1)
        for (name, numbers), colour in zip(
            series.items(), (OTHER, MASKED_COLOUR)[-len(series) :], strict=True
        ):
            bins = reliability(numbers, masked)
            said, true = [one.probability for one in bins], [one.masked for one in bins]
            axes.plot(said, true, color=colour, linewidth=1.2, alpha=0.4)
            # From a dot for one face to a disc for a thousand.
            areas = [6 + 22 * np.log10(one.faces) for one in bins]
            axes.scatter(said, true, areas, color=colour, label=name)
        _shares(axes, "probability of a mask", "masked, both classes weighted alike")
        if len(series) > 1:
            axes.legend(loc="lower right")
    return chart.svg


def size_chart(by_size: Mapping[str, Mapping[str, Any]]) -> Markup:
    """Draw the accuracy by size of the face, with its 95 % intervals."""
    with drawing("Accuracy by face size") as chart:
        axes = chart.axes
        middle = np.array([one["accuracy"] for one in by_size.values()])
        ends = np.array([one["accuracy_95"] for one in by_size.values()])
        places = np.arange(len(by_size))
        axes.errorbar(
            places,
            middle,
            np.abs(ends.T - middle),
            fmt="o",
            color=MASKED_COLOUR,
            capsize=4,
            elinewidth=1.4,
        )
        names = [f"{name}\n{one['faces']:,}" for name, one in by_size.items()]
        axes.set_xticks(places, names, fontsize=9)
        axes.set_xlim(-0.5, len(by_size) - 0.5)
        axes.set_ylim(max(0.0, float(ends.min()) - 0.03), 1.005)
        axes.yaxis.set_major_formatter(_percent)
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("longer side of the face (pixels), and number of faces")
        axes.set_ylabel("accuracy")
    return chart.svg


def probability_chart(
    probabilities: Numbers, masked: Flags, threshold: float, unsure: Sequence[float]
) -> Markup:
    """Draw how the probabilities of both classes are spread, and the unsure band."""
    edges = list(np.linspace(0, 1, 26))
    with drawing("Probabilities") as chart:
        axes = chart.axes
        axes.axvspan(unsure[0], unsure[1], color=MUTED, alpha=0.15, linewidth=0)
        axes.axvline(threshold, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        for label, side in zip(LABELS, (masked, ~masked), strict=True):
            outline(axes, probabilities[side], edges, COLOURS[label], label)
        # One wrong face must show beside a thousand right ones.
        axes.set_yscale("symlog", linthresh=1)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlim(0, 1)
        axes.set_xlabel("probability of a mask")
        axes.set_ylabel("faces")
        axes.legend(loc="upper center")
    return chart.svg


def threshold_chart(
    probabilities: Numbers, masked: Flags, threshold: float, unsure: Sequence[float]
) -> Markup:
    """Draw what share of either class would be right at other thresholds."""
    tried = np.linspace(0.005, 0.995, 199)
    with drawing("Other thresholds") as chart:
        axes = chart.axes
        axes.axvspan(unsure[0], unsure[1], color=MUTED, alpha=0.15, linewidth=0)
        axes.axvline(threshold, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        found = [float((probabilities[masked] >= one).mean()) for one in tried]
        spared = [float((probabilities[~masked] < one).mean()) for one in tried]
        lowest = 1.0
        for label, shares, of in zip(
            LABELS, (found, spared), (masked.sum(), (~masked).sum()), strict=True
        ):
            axes.plot(tried, shares, color=COLOURS[label], label=label)
            ends = np.array([wilson(round(one * int(of)), int(of)) for one in shares])
            axes.fill_between(tried, *ends.T, color=COLOURS[label], alpha=0.15, linewidth=0)
            lowest = min(lowest, *shares[10:-10])
        axes.set_xlim(0, 1)
        axes.set_ylim(max(0.0, lowest - 0.02), 1.003)
        axes.yaxis.set_major_formatter(_percent)
        axes.set_xlabel("threshold (probability of a mask)")
        axes.set_ylabel("recall")
        axes.legend(loc="lower center")
    return chart.svg


def _percent(share: float, _place: float | None = None) -> str:
    return f"{share * 100:.4g} %"


def _corner(axes: Axes, across: tuple[float, float], up: tuple[float, float]) -> None:
    axes.set_xlim(*across)
    axes.set_ylim(*up)
    axes.set_xticks(across)
    axes.set_yticks(up)
    axes.tick_params(labelsize=8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_percent)
    axes.spines[:].set_visible(True)


def _shares(axes: Axes, across: str, up: str) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_percent)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
