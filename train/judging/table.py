"""The figures of an evaluation as a table of text."""

from collections.abc import Mapping
from typing import Any

from train.judging.metrics import SMALLEST

HEADER = ("", "faces", "accuracy", "95 % interval", "balanced", "masked", "bare", "unsure")
KEYS = ("balanced_accuracy", "recall_masked", "recall_bare", "unsure_share")


def figures_table(metrics: Mapping[str, Any]) -> str:
    """Lay out an evaluation's metrics: overall, as the detector boxes it, by size, by collection.

    Args:
        metrics: what `measure` gives under the name "evaluation".
    """
    lines: list[tuple[str, ...]] = [HEADER]
    smallest = f"{SMALLEST:g}+ px"
    for key, name in (("evaluation", "labelled boxes"), ("detected", "the detector's boxes")):
        if metrics[key] is not None:
            lines.append(_line(f"{name}, {smallest}", metrics[key]))
    lines += [_line(f"{name} px", row) for name, row in metrics["by_size"].items()]
    if len(metrics["by_collection"]) > 1:
        lines += [
            _line(f"{name}, {smallest}", row) for name, row in metrics["by_collection"].items()
        ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _line(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = row["accuracy_95"]
    shares = [_percent(row[key]) if key in row else "" for key in KEYS]
    interval = f"{low * 100:.1f} to {high * 100:.1f} %"
    return (name, f"{row['faces']:,}", _percent(row["accuracy"]), interval, *shares)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.1f} %"
