"""Writes a value as TOML has it."""

import json
from pathlib import Path
from typing import Any


def toml_text(value: Any) -> str:
    """Write a value, on one line.

    Raises:
        TypeError: it has no form in TOML here.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_text, value))}]"
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {toml_text(one)}" for key, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, str | Path):
        # JSON leaves this one control character as it is; TOML does not.
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    raise TypeError(f"{value!r} has no form in TOML here")
