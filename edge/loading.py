"""Reads the settings: the TOML file, overridden by the environment, checked as a whole."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge.config import DEFAULT_NAME, Settings
from edge.config.cameras import as_variable
from edge.errors import MaskGateError
from edge.faults import Keys, explain, read_toml
from edge.mqtt.broker_url import PASSWORD_VARIABLE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PREFIX = "MASKGATE_"
"""MASKGATE_DETECTOR__MIN_FACE=20 overrides min_face in the section [detector], and
MASKGATE_CAMERAS__ENTRANCE__RATE=5 overrides rate in [cameras.entrance]."""


def load_settings(
    file: Path | None,
    overrides: Mapping[str, tuple[str, str, object]] | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    source: str | None = None,
) -> Settings:
    """Merge the file, the environment and the command line, and check the result.

    Args:
        file: TOML; the defaults alone when None.
        overrides: section, key and value of each option of the command line; they win.
        environment: variables that begin with PREFIX override the file.
        source: what the command line says is watched, in the place of all cameras: by the only one
            that there is, or by one with the usual name.

    Raises:
        MaskGateError: names every fault with its file and key, one a line.
    """
    found = read_settings(file, overrides, environment, source=source)
    if found.faults:
        raise MaskGateError("\n".join(found.faults))
    return found.settings


@dataclass(frozen=True, slots=True)
class Found:
    """What the file, the environment and the command line say."""

    settings: Settings
    """With the default in the place of what is wrong."""
    faults: list[str]
    """All that is wrong, each with its file and key."""
    file: Path | None
    origin: Mapping[Keys, str]
    """The variable or option that a key comes from, if it is not from the file."""

    def place(self, keys: Keys) -> str:
        """Where a setting comes from, for a message."""
        return _place(keys, self.file, self.origin)


def read_settings(
    file: Path | None,
    overrides: Mapping[str, tuple[str, str, object]] | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    source: str | None = None,
) -> Found:
    """Merge the file, the environment and the command line, as far as they are right.

    Args:
        file: TOML; the defaults alone when None.
        overrides: as for load_settings.
        environment: as for load_settings.
        source: as for load_settings.

    Raises:
        MaskGateError: the file cannot be read, or is no TOML.
    """
    merged = read_toml(file, "settings", "give --config an existing file") if file else {}
    origin: dict[Keys, str] = {}
    faults: list[str] = []
    for name, value in environment.items():
        if not name.startswith(PREFIX) or name == PASSWORD_VARIABLE:
            continue
        keys = tuple(name[len(PREFIX) :].lower().split("__"))
        if len(keys) < 2 or not all(keys):
            faults.append(f"{name}: expected {PREFIX}SECTION__KEY, e.g. {PREFIX}BROKER__URL")
            continue
        _put(merged, _named(merged, keys), _as_toml(value), name, origin)
    for option, (section, key, given) in (overrides or {}).items():
        _put(merged, (section, key), given, option, origin)
    if source is not None:
        _put(merged, (*_only_camera(merged), "source"), source, "--source", origin)
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        place = partial(_place, file=file, origin=origin)
        faults += [explain(fault, Settings, place) for fault in error.errors()]
        settings = _what_is_right(merged, error)
    return Found(settings, faults, file, origin)


def settings_faults(table: Mapping[str, Any], place: Callable[[Keys], str]) -> list[str]:
    """All that is wrong with settings that are no file of this device.

    Args:
        table: as the TOML file has them.
        place: says of a key where it comes from.
    """
    try:
        Settings.model_validate(table)
    except ValidationError as error:
        return [explain(fault, Settings, place) for fault in error.errors()]
    return []


def _what_is_right(merged: dict[str, Any], error: ValidationError) -> Settings:
    """The settings without what is wrong, and without what that in turn makes wrong."""
    while True:
        gone = [_drop(merged, fault["loc"]) for fault in error.errors()]
        if not any(gone):
            return _section_by_section(merged)
        try:
            return Settings.model_validate(merged)
        except ValidationError as next_error:
            error = next_error


def _section_by_section(merged: Mapping[str, Any]) -> Settings:
    """The settings where each section is right, but not one beside the other."""
    sections = {}
    for name, table in merged.items():
        with suppress(ValidationError):
            sections[name] = getattr(Settings.model_validate({name: table}), name)
    return Settings.model_construct(**sections)


def _drop(merged: dict[str, Any], where: tuple[int | str, ...]) -> bool:
    """Take out the key that is wrong, or else the nearest table around it that is there."""
    tables: list[tuple[dict[str, Any], str]] = []
    table: Any = merged
    for key in map(str, where):
        if not isinstance(table, dict) or key not in table:
            break
        tables.append((table, key))
        table = table[key]
    if not tables:
        return False
    around, name = tables[-1]
    del around[name]
    return True


def _named(merged: Mapping[str, Any], keys: Keys) -> Keys:
    """The keys of a variable, with the camera by the name that the file gives it."""
    section, name, *rest = keys
    cameras = merged.get("cameras")
    if section != "cameras" or not isinstance(cameras, dict):
        return keys
    return section, next((one for one in cameras if as_variable(one) == name), name), *rest


def _only_camera(merged: dict[str, Any]) -> Keys:
    """Leave one camera, and say which."""
    cameras = merged.get("cameras")
    if not isinstance(cameras, dict) or not cameras:
        return "cameras", DEFAULT_NAME
    name = next(iter(cameras)) if len(cameras) == 1 else DEFAULT_NAME
    merged["cameras"] = {name: cameras.get(name, {})}
    return "cameras", name


def _put(
    merged: dict[str, Any], keys: Keys, value: object, whence: str, origin: dict[Keys, str]
) -> None:
    """Set a key, and note where it, and each table made for it, came from."""
    table = merged
    for depth, key in enumerate(keys[:-1], 1):
        if key not in table:
            origin[keys[:depth]] = whence
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            return  # No table; the check says so.
        table = inner
    table[keys[-1]] = value
    origin[keys] = whence


def _as_toml(value: str) -> object:
    """Read a variable: a list as TOML writes it, anything else as text for the key's type."""
    if not value.startswith("["):
        return value
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value


def _place(where: Keys, file: Path | None, origin: Mapping[Keys, str]) -> str:
    parents = (where[:depth] for depth in range(len(where), 0, -1))
    source = next((origin[keys] for keys in parents if keys in origin), None)
    return source or f"settings {file or '(defaults)'}"
