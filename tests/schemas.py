"""The JSON Schemas that messages are held against."""

import json
from pathlib import Path
from typing import Any

import edge

FOLDER = Path(edge.__file__).parent / "schemas"


def schema(name: str) -> dict[str, Any]:
    """The schema of that name, e.g. "alert"."""
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.schema.json").read_text())
    return content
