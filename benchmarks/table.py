"""Plain text tables."""

from collections.abc import Sequence

from edge.show.table import table_lines


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a title; numbers stand right, floats have two digits."""
    print("", title, *table_lines(head, rows), sep="\n")
