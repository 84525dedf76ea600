"""The page that shows what each form kept: figures, charts, and the faces whose label changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from convert.on_gpu import GPU_TOLERANCE, OnGpu, Refused
from convert.verification import LOSS, Kept, Shown, Verification
from edge.bundle import Form
from train.report.charts import BARE_COLOUR, GOOD, INK, MASKED_COLOUR, OTHER, bar_chart, drawing
from train.report.page import percent, picture, write_page

MOST_PICTURES = 24
"""Of faces whose label changed, for each form."""
COLOURS = (MASKED_COLOUR, BARE_COLOUR, GOOD, OTHER)
"""Of the runtimes."""


def page_beside(bundle: Path) -> Path:
    """Where a bundle's page goes: beside it, for what is in the bundle goes to the device."""
    bundle = bundle.resolve()  # "." has neither a name nor a parent.
    return bundle.parent / f"{bundle.name}.verification.html"


def write_verification(
    path: Path,
    name: str,
    found: Verification,
    default: Form,
    refused: Mapping[Form, str],
) -> None:
    """Write the page.

    Args:
        path: the HTML file.
        name: the model's name and version.
        found: of `verify`.
        default: the form that devices run.
        refused: why forms preferred to it were not taken.

    Raises:
        MaskGateError: the page cannot be written.
    """
    best = next(one for one in found.kept if one.form == default)
    write_page(
        path,
        "verification.html",
        Path(__file__).parent,
        name=name,
        found=found,
        default=best,
        refused=refused,
        allowed=LOSS,
        rows=[_row(one) for one in found.kept],
        faster=_faster(found, best),
        latency=_latency(found),
        sizes=_sizes(found),
        scatter=_scatter(found, best),
        changed=[(one, _changed(found, one)) for one in found.kept if one.changed.any()],
        gpu=_gpu(found.gpu),
    )


def _row(one: Kept) -> list[str]:
    return [
        one.form,
        one.runtime,
        f"{one.size / 1000:,.0f}",
        percent(one.accuracy, 2),
        percent(one.balanced_accuracy, 2),
        f"{one.lost * 100:+.2f}",
        str(int(one.changed.sum())),
        f"{one.largest:.4f}",
        f"{one.mean:.5f}",
        " / ".join(f"{milliseconds:.2f}" for milliseconds in one.milliseconds.values()),
    ]


def _faster(found: Verification, best: Kept) -> float | None:
    """How many times faster than float32 the default is, one thread, the same runtime."""
    for one in found.kept:
        if one.form == "float32" and one.runtime == best.runtime:
            return one.milliseconds[1] / best.milliseconds[1]
    return None


def _names(found: Verification) -> tuple[list[Form], list[str]]:
    """Forms and runtimes, in their order, each once."""
    forms = list(dict.fromkeys(one.form for one in found.kept))
    return forms, list(dict.fromkeys(one.runtime for one in found.kept))


def _latency(found: Verification) -> Markup:
    forms, runtimes = _names(found)
    with drawing("Latency of each form, one thread", (4.6, 1.3 + 0.5 * len(forms))) as chart:
        height = 0.8 / len(runtimes)
        for number, runtime in enumerate(runtimes):
            those = [one for one in found.kept if one.runtime == runtime]
            places = [forms.index(one.form) + number * height for one in those]
            bars = chart.axes.barh(
                places,
                [one.milliseconds[1] for one in those],
                height * 0.9,
                color=COLOURS[number % len(COLOURS)],
                label=runtime,
            )
            chart.axes.bar_label(bars, fmt="%.2f", padding=3, color=INK, fontsize=9)
        chart.axes.set_yticks([row + 0.4 - height / 2 for row in range(len(forms))], forms)
        chart.axes.invert_yaxis()
        chart.axes.grid(visible=False, axis="y")
        chart.axes.margins(x=0.16)
        chart.axes.set_xlabel("ms a face")
        chart.axes.legend(loc="lower left", bbox_to_anchor=(0, 1))
    return chart.svg


def _sizes(found: Verification) -> Markup:
    sizes: dict[str, float] = {one.form: round(one.size / 1000) for one in found.kept}
    return bar_chart("Size of each form", sizes, "KB")


def _scatter(found: Verification, best: Kept) -> Markup:
    shown = found.shown
    with drawing("Probability before and after", (4.6, 4.0)) as chart:
        for side, colour, label in (
            (shown.masked, MASKED_COLOUR, "masked"),
            (~shown.masked, BARE_COLOUR, "bare"),
        ):
            chart.axes.plot(
                shown.expected[side],
                best.probabilities[side],
                ".",
                color=colour,
                label=label,
                markersize=4,
            )
        for line in (chart.axes.axvline, chart.axes.axhline):
            line(shown.threshold, color=INK, linewidth=0.8, linestyle=":")
        chart.axes.set_xlabel(f"{shown.reference}, probability of a mask")
        chart.axes.set_ylabel(f"{best.form}, {best.runtime}")
        chart.axes.legend()
    return chart.svg


def _changed(found: Verification, one: Kept) -> list[tuple[Markup, str]]:
    """The faces whose label changed, those that moved farthest first."""
    shown = found.shown
    numbers = np.flatnonzero(one.changed)
    moved = np.abs(one.probabilities - shown.expected)[numbers]
    return [
        (
            picture(shown.pictures[number], "a face"),
            _caption(one, shown, number),
        )
        for number in numbers[np.argsort(-moved)][:MOST_PICTURES]
    ]


def _caption(one: Kept, shown: Shown, number: int) -> str:
    truth = "masked" if shown.masked[number] else "bare"
    return f"{truth}: {shown.expected[number]:.3f} became {one.probabilities[number]:.3f}"


def _gpu(gpu: OnGpu | Refused | None) -> dict[str, Any] | None:
    if isinstance(gpu, OnGpu):
        verdict = "agrees with" if gpu.agrees else "disagrees with"
        return {
            "sentence": f"All of {gpu.form} runs on the GPU, and {verdict} the CPU: probabilities "
            f"differ by {gpu.largest:.5f} at most, {GPU_TOLERANCE:g} are allowed.",
            "unsupported": [],
        }
    if gpu is not None:
        return {"sentence": gpu.reason, "unsupported": gpu.unsupported}
    return None
