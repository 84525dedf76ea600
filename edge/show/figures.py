"""Figures of any kind, put so that a person can take them in."""

from collections.abc import Iterator, Mapping
from typing import Any

_GAP = "  "


def as_lines(figures: Mapping[str, Any]) -> list[str]:
    """Lay figures out: one a line, and those that belong to several things as a table.

    Args:
        figures: values by name; a value may be a mapping in turn, as JSON has them.
    """
    lines = _pairs({k: v for k, v in figures.items() if not isinstance(v, Mapping)})
    for name, value in figures.items():
        if isinstance(value, Mapping) and value:
            lines.append(_title(name))
            several = all(isinstance(part, Mapping) for part in value.values())
            inner = _table(list(_rows(value))) if several else as_lines(value)
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
        return ", ".join(map(in_words, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{in_words(name)} {in_words(part)}" for name, part in value.items())
    text = str(value)
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _rows(value: Mapping[str, Any], of: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Walk down to the mappings that hold values: (what they are of, the mapping)."""
    if value and all(isinstance(part, Mapping) for part in value.values()):
        for name, part in value.items():
            yield from _rows(part, f"{of}{_GAP}{in_words(name)}".strip())
    else:
        yield of, value


def _title(name: str) -> str:
    return in_words(name).replace("_", " ")


def _pairs(figures: Mapping[str, Any]) -> list[str]:
    names = [_title(name) for name in figures]
    width = min(max(map(len, names), default=0), 30)
    shown = zip(names, figures.values(), strict=True)
    return [f"{name:{width}}{_GAP}{in_words(value)}" for name, value in shown]


def _table(rows: list[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """A row for each thing; titles of several words stand one word below the other."""
    names = list(dict.fromkeys(name for _, row in rows for name in row))
    titles = [_words(name, [row[name] for _, row in rows if name in row]) for name in names]
    height = max(map(len, titles), default=0)
    titles = [[""] * (height - len(words)) + words for words in titles]
    lines = [["", *(words[level] for words in titles)] for level in range(height)]
    lines += [[of, *(_cell(row.get(name, "")) for name in names)] for of, row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names) + 1)]
    return [
        _GAP.join(
            [f"{line[0]:{widths[0]}}"]
            + [f"{cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True)]
        ).rstrip()
        for line in lines
    ]


def _words(name: str, values: list[Any]) -> list[str]:
    """The words of a column's title, and the names of the parts that its cells have."""
    parts = next((list(value) for value in values if isinstance(value, Mapping)), [])
    return _title(name).split() + (["/".join(map(in_words, parts))] if parts else [])


def _cell(value: object) -> str:
    if isinstance(value, Mapping):
        return "/".join(map(in_words, value.values()))
    return in_words(value)
