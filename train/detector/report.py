"""The report of a detector: how well it finds faces, beside others on the same photos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isinf
from pathlib import Path
from typing import Any

from markupsafe import Markup

from train.detector.comparing import figures_at, figures_in
from train.detector.figures import FALSE_PER_PHOTO, Figures, figures, threshold_at
from train.detector.judged_charts import precision_chart, recall_chart, size_chart, worse_chart
from train.detector.judging import ALL, BARE, LARGE, MASKED, RANGES, Judged, judge, missed
from train.detector.landmarks import Apart, landmarks_apart
from train.detector.looked import Looked
from train.detector.matching import OVERLAP, STRICT, Found
from train.detector.sheets import Shown, show_false, show_missed, show_worse
from train.fitting.keeping import HISTORY
from train.report.page import write_page
from train.report.run_charts import learning_curve
from train.report.run_report import facts_of, read_history

PICTURES = 40
"""Missed faces, and false ones, that the page shows at most."""
Worse = Mapping[str, Mapping[str, Figures]]
"""By the detector's name, and by the photos' condition."""
Judgements = Mapping[str, Judged]
"""By the detector's name."""
Thresholds = Mapping[str, float]
"""By the detector's name: the score from which a find counts."""


@dataclass(frozen=True, slots=True)
class Row:
    """A detector's line in a table of figures."""

    group: str
    """What the lines under one heading have in common."""
    detector: str
    ours: bool
    figures: Figures

    @property
    def threshold(self) -> str:
        """As the table shows it; scores crowd below 1."""
        at = self.figures.threshold
        return "-" if isinf(at) else f"{at:.4f}" if at < 0.999 else f"{at:.6f}"


def write_detector_report(
    out: Path,
    looked: Looked,
    recipe: Mapping[str, Any],
    about: str,
) -> None:
    """Write OUT/report.html; draws OUT/history.csv where it is.

    Args:
        out: an existing folder.
        looked: what each detector found; the first is the one that the report is about, the others
            are compared with it. To have whole curves, let them report finds far below their
            thresholds.
        recipe: what was done, printed as it is.
        about: which photos they are, e.g. "held back from the training."

    Raises:
        MaskGateError: a photo or a history cannot be read, or the page cannot be written.
    """
    photos, found, thresholds = looked.photos, looked.found, looked.thresholds
    subject = next(iter(found))
    judged = {name: judge(one) for name, one in found.items()}
    worse = {name: figures_in(looked.conditions(name), thresholds[name]) for name in found}
    ours = judged[subject]
    drawn = [one.above(thresholds[subject]) for one in found[subject]]
    faces, false = missed(ours, ALL, thresholds[subject])
    write_page(
        out / "report.html",
        "detector_report.html",
        subject=subject,
        photos=len(photos),
        threshold=thresholds[subject],
        large=figures_at(ours, LARGE),
        all=figures_at(ours, ALL),
        used=figures(ours, ALL, thresholds[subject]),
        at_allowed=_rows(judged),
        as_used=_rows(judged, thresholds),
        at_strict=_rows({name: judge(one, STRICT) for name, one in found.items()}),
        worse=_worse_rows(worse),
        worse_shown=_worse_shown(looked, ours),
        charts=_charts(judged, worse),
        landmarks=_landmarks(found, thresholds),
        curve=_curve(out),
        missed=show_missed(faces[:PICTURES], drawn, photos),
        missed_in_all=len(faces),
        false_faces=show_false(false[:PICTURES], drawn, photos),
        false_in_all=len(false),
        facts=facts_of(recipe),
        about=about,
        allowed=FALSE_PER_PHOTO,
        overlap=OVERLAP,
        strict=STRICT,
    )


def _rows(judged: Judgements, thresholds: Thresholds | None = None) -> list[Row]:
    """Lines by size and detector, at these thresholds or else those that FALSE_PER_PHOTO sets."""
    subject = next(iter(judged))
    return [
        Row(
            f"Faces of {sizes.name}",
            name,
            name == subject,
            figures(one, sizes, thresholds[name]) if thresholds else figures_at(one, sizes),
        )
        for sizes in RANGES
        for name, one in judged.items()
    ]


def _worse_rows(worse: Worse) -> list[Row]:
    """Lines by the photos' condition and by detector, as each is used."""
    subject = next(iter(worse))
    return [
        Row(how, name, name == subject, worse[name][how])
        for how in worse[subject]
        for name in worse
    ]


def _worse_shown(looked: Looked, judged: Judged) -> list[Shown]:
    """The largest face, in each of the conditions, with what the subject found there."""
    if not judged.faces:
        return []
    subject = next(iter(looked.found))
    used = {
        how: [one.above(looked.thresholds[subject]) for one in finds]
        for how, finds in looked.conditions(subject).items()
    }
    return show_worse(max(judged.faces, key=lambda one: one.size), used, looked.photos)


def _charts(judged: Judgements, worse: Worse) -> dict[str, Markup]:
    allowed = {name: threshold_at(one, FALSE_PER_PHOTO, ALL) for name, one in judged.items()}
    charts = {f"recall_{kind}": recall_chart(judged, kind) for kind in (MASKED, BARE)}
    charts |= {f"size_{kind}": size_chart(judged, allowed, kind) for kind in (MASKED, BARE)}
    charts |= {f"worse_{kind}": worse_chart(worse, kind) for kind in (MASKED, BARE)}
    charts["precision_large"] = precision_chart(judged, LARGE)
    charts["precision_all"] = precision_chart(judged, ALL)
    return charts


def _landmarks(
    found: Mapping[str, Sequence[Found]], thresholds: Thresholds
) -> list[tuple[str, str, Apart]]:
    """How far the subject's landmarks are from those of each other detector that gives some."""
    used = {
        name: [one.above(thresholds[name]) for one in there]
        for name, there in found.items()
        if all(one.landmarks is not None for one in there)
    }
    subject = next(iter(found))
    if subject not in used:
        return []
    return [
        (name, kind, apart)
        for name, there in used.items()
        if name != subject
        for kind, apart in landmarks_apart(used[subject], there).items()
    ]


def _curve(run: Path) -> Markup | None:
    history = read_history(run / HISTORY)
    return learning_curve("Loss", history, "loss", "loss") if "loss" in history else None
