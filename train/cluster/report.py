"""The report of a clustering: one page with its figures, charts and sheets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from edge.values import Pixels
from train.cluster.clustering import Clustering
from train.cluster.faces import FaceViews
from train.cluster.sheets import KINDS
from train.data.annotations import BARE, LABELS, MASKED
from train.report.charts import BARE_COLOUR, GOOD, MASKED_COLOUR, OTHER, drawing, histogram
from train.report.page import percent, picture, write_page
from train.report.run_charts import confusion_chart

BINS = 40
"""Of the histogram of scores."""
CAPTIONS = {
    "skin": ("What it is surest of", "What it is least sure of", "Random"),
    "paper": ("Nearest to the centre", "Farthest from the centre", "Random"),
}
"""Of the sheets of each method, in the order of KINDS."""
_MARKERS = ("o", "^")
"""Of cluster 0 and 1."""


def write_cluster_report(
    out: Path,
    faces: Sequence[FaceViews],
    clustering: Clustering,
    sheets: Mapping[tuple[int, str], Pixels],
    metrics: Mapping[str, Any] | None,
    recipe: Mapping[str, Any],
) -> None:
    """Write OUT/report.html.

    Args:
        out: an existing folder.
        faces: all of them.
        clustering: of these faces.
        sheets: of `cluster_sheets`.
        metrics: of `agreement`; None where nobody labelled the faces.
        recipe: what was done, printed as it is.

    Raises:
        MaskGateError: the page cannot be written.
    """
    sizes = [int(np.sum(clustering.clusters == cluster)) for cluster in (0, 1)]
    names = metrics["names"] if metrics else clustering.names
    write_page(
        out / "report.html",
        "cluster_report.html",
        title=f"Clusters: {', '.join(recipe['collections'])}",
        method=recipe["method"],
        faces=len(faces),
        sizes=sizes,
        names=names,
        metrics=metrics,
        scatter=_scatter(faces, clustering),
        scores=_scores(faces, clustering),
        confusion=confusion_chart(metrics["confusion"]) if metrics else None,
        sheets=_sheets(sheets, CAPTIONS[recipe["method"]]),
        facts=[(name.replace("_", " "), _shown(value)) for name, value in recipe.items()],
        percent=percent,
    )


def _sheets(
    sheets: Mapping[tuple[int, str], Pixels], captions: Sequence[str]
) -> list[tuple[int, list[tuple[str, Markup]]]]:
    return [
        (
            cluster,
            [
                (caption, picture(sheets[cluster, kind], f"cluster {cluster}, {kind}"))
                for kind, caption in zip(KINDS, captions, strict=True)
                if (cluster, kind) in sheets
            ],
        )
        for cluster in (0, 1)
    ]


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _series(
    faces: Sequence[FaceViews], clustering: Clustering
) -> dict[str, tuple[np.ndarray[Any, Any], str]]:
    """Which faces a chart tells apart, and their colours: by label where there are labels."""
    labels = np.array([face.label for face in faces])
    if not np.isin(labels, LABELS).any():
        colours = (OTHER, GOOD)
        return {f"cluster {one}": (clustering.clusters == one, colours[one]) for one in (0, 1)}
    colour = {MASKED: MASKED_COLOUR, BARE: BARE_COLOUR}
    return {label: (labels == label, colour[label]) for label in LABELS}


def _scatter(faces: Sequence[FaceViews], clustering: Clustering) -> Markup:
    with drawing("Where the faces lie") as chart:
        axes = chart.axes
        for name, (members, colour) in _series(faces, clustering).items():
            for cluster, marker in enumerate(_MARKERS):
                x, y = clustering.points[members & (clustering.clusters == cluster)].T
                axes.scatter(
                    x, y, 9, color=colour, marker=marker, alpha=0.45, linewidths=0, rasterized=True
                )
            # One entry for each colour, however many markers it has.
            axes.scatter([], [], 24, color=colour, label=name)
        axes.set_xlabel(clustering.axes[0])
        axes.set_ylabel(clustering.axes[1])
        axes.legend()
    return chart.svg


def _scores(faces: Sequence[FaceViews], clustering: Clustering) -> Markup:
    reach = float(np.quantile(np.abs(clustering.scores), 0.995)) or 1.0
    series = _series(faces, clustering)
    return histogram(
        "Scores",
        {name: list(clustering.scores[members]) for name, (members, _) in series.items()},
        list(np.linspace(-reach, reach, BINS + 1)),
        "score, cluster 0 to the left of 0",
        {name: colour for name, (_, colour) in series.items()},
    )
