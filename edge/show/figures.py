"""Figures of any kind, put so that a person can take them in."""

from collections.abc import Iterator, Mapping
from typing import Any

from edge.errors import as_shown

_GAP = "  "


def as_lines(figures: Mapping[str, Any], width: int) -> list[str]:
    """Lay figures out: one a line, and those that belong to several things as a table.

    Args:
        figures: values by name; a value may be a mapping in turn, as JSON has them.
        width: of a line; a table's columns that do not fit beside the others go below them.
            A single value may be longer.
    """
    lines = _pairs({k: v for k, v in figures.items() if not isinstance(v, Mapping)}, width)
    for name, value in figures.items():
        if isinstance(value, Mapping) and value:
            lines.append(_title(name))
            several = all(isinstance(part, Mapping) for part in value.values())
            room = width - len(_GAP)
            inner = _table(list(_rows(value)), room) if several else as_lines(value, room)
            lines += [_GAP + line for line in inner]
    return lines


def in_words(value: object) -> str:
    """A name, number or list as a person writes it; nothing in it can steer a terminal."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value)) or "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{in_words(name)} {in_words(part)}" for name, part in value.items())
    return as_shown(str(value), None)


def _rows(value: Mapping[str, Any], of: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Walk down to the mappings that hold values: (what they are of, the mapping)."""
    if value and all(isinstance(part, Mapping) for part in value.values()):
        for name, part in value.items():
            yield from _rows(part, f"{of}{_GAP}{in_words(name)}".strip())
    else:
        yield of, value


def _title(name: str) -> str:
    return in_words(name).replace("_", " ")


def _pairs(figures: Mapping[str, Any], width: int) -> list[str]:
    names = [_title(name) for name in figures]
    values = [in_words(value) for value in figures.values()]
    longest = max(map(len, names), default=0)
    if longest + len(_GAP) + max(map(len, values), default=0) > width:
        longest = min(longest, 30)
    return [f"{name:{longest}}{_GAP}{value}" for name, value in zip(names, values, strict=True)]


def _table(rows: list[tuple[str, Mapping[str, Any]]], width: int) -> list[str]:
    """A row for each thing; columns that do not fit make a table of their own below."""
    named = [of for of, _ in rows]
    left = max(map(len, named))
    parts: list[list[list[str]]] = []
    used = width
    for name in dict.fromkeys(name for _, row in rows for name in row):
        title = _words(name, [row[name] for _, row in rows if name in row])
        cells = [_cell(row.get(name, "")) for _, row in rows]
        needed = len(_GAP) + max(map(len, title + cells))
        if used + needed > width:
            parts.append([])
            used = left
        parts[-1].append(title + cells)
        used += needed
    return [line for columns in parts for line in _beside(named, columns)]


def _beside(named: list[str], columns: list[list[str]]) -> list[str]:
    """Columns beside their rows' names; titles of several words stand one word below the other."""
    height = max(map(len, columns))
    padded = [[""] * (height - len(column)) + column for column in columns]
    first = [""] * (height - len(named)) + named
    widths = [max(map(len, column)) for column in padded]
    left = max(map(len, first))
    return [
        _GAP.join(
            [f"{of:{left}}"]
            + [f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)]
        ).rstrip()
        for of, *line in zip(first, *padded, strict=True)
    ]


def _words(name: str, values: list[Any]) -> list[str]:
    """The words of a column's title, and the names of the parts that its cells have."""
    parts = next((list(value) for value in values if isinstance(value, Mapping)), [])
    return _title(name).split() + (["/".join(map(in_words, parts))] if parts else [])


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        return "/".join(map(in_words, value.values()))
    return in_words(value)
