"""Charts in one style, as SVG that takes its colours and its font from the page.

Drawn with Matplotlib's Figure, without pyplot and its global state. The colours below stand for
the page's CSS variables, so that one chart suits light and dark. Blue and orange-red are Okabe and
Ito's (2008), told apart by the colour-blind.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

INK, MUTED, LINE, CARD = "#1b1f24", "#5b6570", "#d5dbe1", "#ffffff"
MASKED_COLOUR, BARE_COLOUR = "#0072b2", "#d55e00"
GOOD, OTHER = "#00835f", "#a8518a"
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    CARD: "--card",
    MASKED_COLOUR: "--masked",
    BARE_COLOUR: "--bare",
    GOOD: "--good",
    OTHER: "--other",
}
SIZE = (4.6, 3.2)
"""Inches at 72 pixels each: as wide as a phone's screen, so that no text gets too small there."""
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.size": 10.0,
    "axes.titlesize": 10.0,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "lines.linewidth": 1.8,
    "legend.facecolor": CARD,
    "legend.edgecolor": "none",
    "legend.fancybox": False,
    "legend.labelcolor": INK,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
}


class Chart:
    """A chart that is being drawn; `svg` is there once the `drawing` block has ended."""

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.svg = Markup("")


@contextmanager
def drawing(name: str, size: tuple[float, float] = SIZE) -> Iterator[Chart]:
    """Open a chart to draw on; close it to SVG.

    Args:
        name: what it shows, for those who cannot see it; no two charts of a page have the same.
        size: width and height in inches of 72 pixels.
    """
    # The salt makes ids that are the chart's own: SVGs within one page share their ids.
    style: Any = {**_STYLE, "svg.hashsalt": name}
    with mpl.rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        chart = Chart(figure.subplots())
        yield chart
        chart.svg = _as_svg(figure, name)


def _as_svg(figure: Figure, name: str) -> Markup:
    file = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(file, format="svg", metadata=nothing)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style\b.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r" font-family: [^;\"]*;| id=\"[A-Za-z0-9.]+_\d+\"", "", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    opening = Markup('<svg class="chart" role="img" aria-label="{}" viewBox="{}">').format(
        name, _view_box(svg)
    )
    return opening + Markup(svg[svg.index(">") + 1 :])  # noqa: S704 - Matplotlib escapes text


def _view_box(svg: str) -> str:
    found = re.search(r'viewBox="([^"]+)"', svg)
    assert found, "Matplotlib's SVG has a viewBox"
    return found[1]


def bar_chart(
    name: str,
    bars: Mapping[str, float],
    unit: str,
    colours: Mapping[str, str] | None = None,
) -> Markup:
    """Draw a bar for each name, longest names included, each with its number.

    Args:
        name: see `drawing`.
        bars: the length of each bar, drawn from top to bottom in their order.
        unit: what the lengths count, e.g. "faces".
        colours: of some of the bars; the others have MASKED_COLOUR.
    """
    height = 0.75 + 0.3 * max(2, len(bars))
    with drawing(name, (SIZE[0], height)) as chart:
        axes = chart.axes
        names = list(bars)
        colour = [(colours or {}).get(one, MASKED_COLOUR) for one in names]
        drawn = axes.barh(names, list(bars.values()), color=colour, height=0.7)
        numbers = [f"{value:,g}" for value in bars.values()]
        axes.bar_label(drawn, numbers, padding=3, color=INK, fontsize=9)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.16)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_xlabel(unit)
    return chart.svg


def outline(
    axes: Axes,
    values: Sequence[float] | NDArray[np.float64],
    edges: Sequence[float],
    colour: str,
    label: str,
) -> None:
    """Draw how often values fall between edges, as a stepped outline, lightly filled.

    Args:
        axes: to draw on.
        values: the numbers; those beyond the edges count into the outermost bins.
        edges: from the smallest to the largest.
        colour: of the outline.
        label: its name in the legend.
    """
    inside = np.clip(np.asarray(values, float), edges[0], np.nextafter(edges[-1], edges[0]))
    counts, _ = np.histogram(inside, edges)
    axes.stairs(counts, edges, fill=True, color=colour, alpha=0.3)
    axes.stairs(counts, edges, color=colour, linewidth=1.6, label=label)


def histogram(
    name: str,
    values: Mapping[str, Sequence[float]],
    edges: Sequence[float],
    unit: str,
    colours: Mapping[str, str],
) -> Markup:
    """Draw how often values fall between edges, an outline for each series.

    Args:
        name: see `drawing`.
        values: the numbers of each series.
        edges: see `outline`.
        unit: of the values, with their name, e.g. "face size (pixels)".
        colours: of each series.
    """
    with drawing(name) as chart:
        axes = chart.axes
        for series, numbers in values.items():
            outline(axes, numbers, edges, colours[series], series)
        axes.set_xlabel(unit)
        axes.set_ylabel("faces")
        if len(values) > 1:
            axes.legend()
    return chart.svg
