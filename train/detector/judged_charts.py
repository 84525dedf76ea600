"""The charts of a detector's report: each compares the detectors, one colour for each."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from math import inf
from textwrap import fill
from typing import TypeVar

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from train.detector.figures import FALSE_PER_PHOTO, Figures, Recall, curve, figures
from train.detector.judging import ALL, BOTH, LARGE, Judged, Sizes
from train.judging.metrics import SIZES, SMALLEST
from train.report.charts import GOOD, INK, MUTED, OTHER, drawing

COLOURS = (GOOD, OTHER, MUTED, INK)
"""Of the detectors, in their order; blue and orange stand for the classes."""
DASHED = (0, (4, 3))
WIDE = 9
"""Letters side by side below a group of bars."""
Drawn = TypeVar("Drawn")
FEWEST = 0.01
"""False faces per photo where the logarithmic axis begins: what is less lies on its edge."""


def recall_chart(judged: Mapping[str, Judged], kind: str) -> Markup:
    """Draw the recall of one of KINDS over the false faces per photo, by size."""
    with drawing(f"Recall of {kind} faces over false faces") as chart:
        axes = chart.axes
        axes.axvline(FALSE_PER_PHOTO, color=INK, linewidth=1, linestyle=DASHED)
        most = 1.0
        for (name, one), colour in _coloured(judged):
            for sizes, style, label in ((LARGE, "-", name), (ALL, DASHED, None)):
                found = curve(one, sizes)
                if kind not in found.recall or not len(found.thresholds):
                    continue
                false = np.maximum(found.false_per_photo, FEWEST)
                recall = found.recall[kind]
                axes.step(false, recall, where="post", linestyle=style, color=colour, label=label)
                most = max(most, false[-1])
        axes.set_xscale("log")
        axes.set_xlim(FEWEST, most)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("false faces per photo")
        _share(axes, "recall")
        _legend(axes)
    return chart.svg


def precision_chart(judged: Mapping[str, Judged], sizes: Sizes) -> Markup:
    """Draw precision against the recall of bare and masked faces together."""
    with drawing(f"Precision and recall, {sizes.name}") as chart:
        axes = chart.axes
        for (name, one), colour in _coloured(judged):
            found = curve(one, sizes)
            if BOTH in found.recall:
                axes.plot(found.recall[BOTH], found.precision, color=colour, label=name)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        axes.set_xlabel("recall")
        _share(axes, "precision")
        _legend(axes)
    return chart.svg


def size_chart(judged: Mapping[str, Judged], thresholds: Mapping[str, float], kind: str) -> Markup:
    """Draw the recall of one of KINDS by size of the face, with its 95 % intervals.

    Args:
        judged: by the detector's name.
        thresholds: the score from which a find counts, for each of them.
        kind: one of KINDS.
    """
    ends = [*SIZES[1:], inf]
    ranges = [Sizes(low, high) for low, high in zip(SIZES, ends, strict=True) if low >= SMALLEST]
    recalls = {
        name: [figures(one, sizes, thresholds[name]).recall[kind] for sizes in ranges]
        for name, one in judged.items()
    }
    counts = [recall.faces for recall in next(iter(recalls.values()))]
    names = [
        f"{sizes.name.removesuffix(' px')}\n{of:,}"
        for sizes, of in zip(ranges, counts, strict=True)
    ]
    with drawing(f"Recall of {kind} faces by size") as chart:
        _bars(chart.axes, names, recalls)
        chart.axes.set_xlabel("longer side of the face (pixels), and number of faces")
    return chart.svg


def worse_chart(at: Mapping[str, Mapping[str, Figures]], kind: str) -> Markup:
    """Draw the recall of one of KINDS by the photos' condition, with 95 % intervals.

    Args:
        at: by the detector's name, and by the condition.
        kind: one of KINDS.
    """
    recalls = {
        name: [one.recall[kind] for one in conditions.values()] for name, conditions in at.items()
    }
    names = [fill(how, WIDE) for how in next(iter(at.values()))]
    with drawing(f"Recall of {kind} faces in worse photos") as chart:
        _bars(chart.axes, names, recalls)
    return chart.svg


def _bars(axes: Axes, names: Sequence[str], recalls: Mapping[str, Sequence[Recall]]) -> None:
    """Draw a group of bars for each name, in it a bar for each detector."""
    width = 0.8 / len(recalls)
    for place, ((name, found), colour) in enumerate(_coloured(recalls)):
        middle = np.array([recall.share or 0.0 for recall in found])
        bounds = np.array([recall.interval or (0.0, 0.0) for recall in found])
        axes.bar(
            np.arange(len(names)) + (place + 0.5) * width - 0.4, middle, width * 0.92,
            yerr=np.abs(bounds.T - middle), color=colour, label=name,
            error_kw={"ecolor": INK, "elinewidth": 1, "capsize": 3},
        )  # fmt: skip
    axes.set_xticks(range(len(names)), names)
    axes.grid(visible=False, axis="x")
    _share(axes, "recall")
    _legend(axes)


def _coloured(detectors: Mapping[str, Drawn]) -> Sequence[tuple[tuple[str, Drawn], str]]:
    return list(zip(detectors.items(), cycle(COLOURS), strict=False))


def _share(axes: Axes, label: str) -> None:
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.set_ylabel(label)


def _legend(axes: Axes) -> None:
    """Name the detectors above the chart, where no line of theirs can be."""
    handles, names = axes.get_legend_handles_labels()
    axes.legend(handles, names, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0.2)
