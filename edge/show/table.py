"""Plain text tables."""

from collections.abc import Sequence


def table_lines(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lay out rows under a head; numbers stand right, floats have two digits, None is empty."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *texts, strict=True)]
    right = [
        not any(isinstance(cell, str) for cell in column) for column in zip(*rows, strict=True)
    ]
    right = right or [False] * len(head)
    lines = (list(head), ["-" * width for width in widths], *texts)
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    ]


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)
