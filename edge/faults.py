"""Says what is wrong with a typed TOML file: where, which key, the nearest right name."""

import difflib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from edge.errors import MaskGateError, as_shown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Keys = tuple[str, ...]
"""Where a value is in a file: the section, the tables in it, the key."""
LONGEST_NAME, LONGEST_VALUE = 80, 400
"""Letters of a key and of a value that are repeated in a message."""
_UNSHOWN = {"url", "source", "ssh_keys"}
"""Keys whose values may hold a secret, be it by mistake, and must not be repeated."""


def read_toml(file: Path, what: str, way_out: str) -> dict[str, Any]:
    """Read a TOML file as it stands, unchecked.

    Args:
        file: where it is.
        what: the kind of file, for messages, e.g. "settings".
        way_out: what to do where it cannot be read.

    Raises:
        MaskGateError: it cannot be read, or is no TOML.
    """
    try:
        found: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise MaskGateError(
            f"{what} {file}: cannot be read ({error.strerror}); {way_out}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MaskGateError(f"{what} {file}: not TOML ({error})") from error
    return found


def explain(fault: Any, model: type[BaseModel], place: Callable[[Keys], str]) -> str:
    """Write one of pydantic's findings as a line for people.

    Args:
        fault: of ValidationError.errors().
        model: what was checked; its keys are those that are known.
        place: says of a key where it comes from.
    """
    where = tuple(str(part) for part in fault["loc"] if part != "[key]")
    name = ".".join(as_shown(part, LONGEST_NAME) for part in where)
    at, found = place(where), fault["input"]
    if fault["type"] == "extra_forbidden":
        kind = "section" if len(where) == 1 and isinstance(found, Mapping) else "key"
        return f"{at}: unknown {kind} {name}{_nearest(where, model)}"
    if fault["type"] == "string_unicode":
        return f"{at}: {name}: {found!r} is not UTF-8; rename the file"
    if fault["type"] == "missing":
        return f"{at}: {name}: missing"
    message = fault["msg"].removeprefix("Value error, ")
    hidden = isinstance(found, Mapping | BaseModel) or _UNSHOWN.intersection(where[-2:])
    shown = "" if hidden else f", found {as_shown(repr(found), LONGEST_VALUE)}"
    if not name:  # a fault of several keys together, which its text names
        return f"{at}: {message}"
    return f"{at}: {name}: {message[0].lower()}{message[1:]}{shown}"


def nearest(word: str, known: list[str]) -> str:
    """The end of a message about a word that is not known: which was meant, or which there are."""
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known are {', '.join(known)}" if known else ""


def _nearest(where: Keys, model: type[BaseModel]) -> str:
    return nearest(where[-1], known_keys(where[:-1], model))


def known_keys(where: Keys, model: type[BaseModel]) -> list[str]:
    """The keys that a table may have, in the order of their declaration; none where any may be."""
    table: Any = model
    for key in where:
        table = _inside(table, key)
    table = _table(table)
    return list(table.model_fields) if table else []


def _inside(kind: Any, key: str) -> Any:
    """The type of what a key of a table, or a place in a list or a dict, holds."""
    table = _table(kind)
    if table:
        field = table.model_fields.get(key)
        return field.annotation if field else None
    for one in (kind, *get_args(kind)):  # the second for X | None
        if get_origin(one) is dict:
            return get_args(one)[1]
        if get_origin(one) in (list, tuple):
            return get_args(one)[0]
    return None


def _table(kind: Any) -> type[BaseModel] | None:
    for one in (kind, *(get_args(kind) if get_origin(kind) in (Union, UnionType) else ())):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None
