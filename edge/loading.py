"""Reads the settings: the TOML file, overridden by the environment, checked as a whole."""

import difflib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from edge.config import Settings
from edge.errors import MaskGateError
from edge.mqtt.broker_url import PASSWORD_VARIABLE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PREFIX = "MASKGATE_"
"""MASKGATE_DETECTOR__MIN_FACE=20 overrides min_face in the section [detector]."""


def load_settings(
    file: Path | None,
    overrides: Mapping[str, tuple[str, str, object]] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Merge the file, the environment and the command line, and check the result.

    Args:
        file: TOML; the defaults alone when None.
        overrides: section, key and value of each option of the command line; they win.
        environment: variables that begin with PREFIX override the file.

    Raises:
        MaskGateError: names every fault with its file and key, one a line.
    """
    merged = _read(file) if file else {}
    origin: dict[tuple[str, ...], str] = {}
    faults: list[str] = []
    for name, value in environment.items():
        if not name.startswith(PREFIX) or name == PASSWORD_VARIABLE:
            continue
        section, _, key = name[len(PREFIX) :].lower().partition("__")
        if not (section and key):
            faults.append(f"{name}: expected {PREFIX}SECTION__KEY, e.g. {PREFIX}BROKER__URL")
            continue
        if section not in merged:
            origin[section,] = name
        _put(merged, section, key, _as_toml(value))
        origin[section, key] = name
    for option, (section, key, given) in (overrides or {}).items():
        _put(merged, section, key, given)
        origin[section, key] = option
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        faults += [_explain(fault, file, origin) for fault in error.errors()]
    if faults:
        raise MaskGateError("\n".join(faults))
    return settings


def _read(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise MaskGateError(
            f"settings {file}: cannot be read ({error.strerror}); give --config an existing file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MaskGateError(f"settings {file}: not TOML ({error})") from error
    return found


def _put(merged: dict[str, Any], section: str, key: str, value: object) -> None:
    keys = merged.setdefault(section, {})
    if isinstance(keys, dict):
        keys[key] = value


def _as_toml(value: str) -> object:
    """Read a variable: a list as TOML writes it, anything else as text for the key's type."""
    if not value.startswith("["):
        return value
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value


def _explain(fault: Any, file: Path | None, origin: Mapping[tuple[str, ...], str]) -> str:
    where = tuple(str(part) for part in fault["loc"])
    source = origin.get(where[:2])
    place = source or f"settings {file or '(defaults)'}"
    name = ".".join(where)
    if fault["type"] == "extra_forbidden":
        return f"{place}: unknown {'key' if len(where) > 1 else 'section'} {name}{_nearest(where)}"
    found = fault["input"]
    if fault["type"] == "string_unicode":
        return f"{place}: {name}: {found!r} is not UTF-8; rename the file"
    message = fault["msg"].removeprefix("Value error, ")
    # A URL may hold a password that must not be repeated.
    shown = "" if name == "broker.url" else f", found {found!r}"
    return f"{place}: {name}: {message[0].lower()}{message[1:]}{shown}"


def _nearest(where: tuple[str, ...]) -> str:
    known = list(Settings.model_fields)
    if len(where) > 1:
        section = Settings.model_fields[where[0]].annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            return ""
        known = list(section.model_fields)
    near = difflib.get_close_matches(where[-1], known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
