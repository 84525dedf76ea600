"""The whole of the settings as a commented TOML file, made from their declarations."""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from edge.bundle import MODELS
from edge.config.cameras import DEFAULT_NAME
from edge.config.settings import Settings
from edge.toml_text import toml_text

WIDTH = 100
_HEAD = """\
# The settings of MaskGate: every key, what it does, and what it is when it is not set.
# Take the # away from a line that begins with #key = to change it.
"""
_BOUNDS = (("gt", "more than"), ("ge", "at least"), ("lt", "less than"), ("le", "at most"))
"""Limits as pydantic names them, and in words."""


def example() -> str:
    """Write the file. It is valid as it is, and when every key in it is uncommented."""
    lines = [_HEAD]
    for name, field in Settings.model_fields.items():
        lines += _section((name,), field)
    return "\n".join(lines)


def _section(path: Sequence[str], field: FieldInfo) -> Iterator[str]:
    """A table, with what it is for."""
    kind = field.annotation
    if get_origin(kind) is dict:
        # A table of tables; shown is the one that is there when none is.
        kind, path = get_args(kind)[1], (*path, DEFAULT_NAME)
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        raise TypeError(f"{'.'.join(path)}: expected a section, found {kind}")
    yield from _comment(field.description or kind.__doc__ or "")
    yield f"[{'.'.join(path)}]"
    for name, key in kind.model_fields.items():
        yield from _key(name, key)
    yield ""


def _key(name: str, field: FieldInfo) -> Iterator[str]:
    default = field.get_default(call_default_factory=True)
    of_the_program = isinstance(default, Path) and default.is_relative_to(MODELS)
    text = " ".join(filter(None, [field.description, *_choices(field.annotation), _limits(field)]))
    if field.examples and default in (None, (), {}):
        yield from _comment(f"{text} For example:")
        yield f"#{name} = {toml_text(field.examples[0])}"
    elif default is None or of_the_program:
        yield from _comment(f"{name}: {text}")
    else:
        yield from _comment(text)
        yield f"#{name} = {toml_text(default)}"


def _choices(kind: Any) -> Iterator[str]:
    """What a value may be where there are few."""
    if get_origin(kind) is Literal:
        yield f"One of {', '.join(map(toml_text, get_args(kind)))}."
    else:
        for inner in get_args(kind):
            yield from _choices(inner)


def _limits(field: FieldInfo) -> str:
    """Between what a number must be."""
    found = [
        f"{words} {limit:,}"
        for name, words in _BOUNDS
        for limit in (getattr(one, name, None) for one in field.metadata)
        if limit is not None
    ]
    return f"{' and '.join(found).capitalize()}." if found else ""


def _comment(text: str) -> Iterator[str]:
    text = " ".join(text.split())
    for line in textwrap.wrap(text, WIDTH - 2, break_on_hyphens=False, break_long_words=False):
        yield f"# {line}"
