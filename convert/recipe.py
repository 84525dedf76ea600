"""What conversion takes from a run's recipe.json and metrics.json, checked before work is done."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge.bundle import BundleName, Share
from edge.errors import as_shown
from train.data.annotations import LABELS


class _Recipe(BaseModel):
    """The part of recipe.json that the bundle's manifest repeats."""

    model_config = ConfigDict(strict=True)

    model: BundleName
    labels: tuple[str, ...]
    size: int = Field(gt=0)
    margin: float = Field(ge=0, le=2)
    """As edge.bundle.Input has it."""
    threshold: Share
    unsure: tuple[Share, Share]

    @model_validator(mode="after")
    def _fits(self) -> "_Recipe":
        if self.labels != LABELS:
            raise ValueError(f"expected the labels {', '.join(LABELS)}, found {self.labels}")
        if not self.unsure[0] <= self.threshold <= self.unsure[1]:
            raise ValueError(
                f"expected the threshold between the two ends of the unsure band, found "
                f"threshold {self.threshold}, unsure {self.unsure}"
            )
        return self


def read_recipe(run: Path) -> Mapping[str, Any]:
    """Read recipe.json, all of it.

    Raises:
        ValueError: it is not JSON, or what the manifest repeats of it is missing or absurd.
        OSError: it cannot be read.
    """
    text = (run / "recipe.json").read_text(encoding="utf-8")
    content = read_json(run / "recipe.json")
    try:
        _Recipe.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors()[0]
        where = "".join(f", {part}" for part in fault["loc"][:1])
        message = fault["msg"].removeprefix("Value error, ")
        found = f", found {as_shown(repr(fault['input']))}" if where else ""
        raise ValueError(f"recipe.json{where}: {message}{found}") from error
    return content


def read_metrics(run: Path) -> Mapping[str, Any]:
    """Read the figures of the validation from metrics.json.

    Raises:
        ValueError: it is not JSON, or they are not there.
        OSError: it cannot be read.
    """
    content = read_json(run / "metrics.json")
    figures = content.get("validation")
    if not isinstance(figures, dict):
        raise ValueError(
            f"metrics.json: expected figures under validation, found {as_shown(repr(figures))}"
        )
    return figures


def read_json(file: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ValueError: it is none.
        OSError: it cannot be read.
    """
    text = file.read_text(encoding="utf-8")
    try:
        content = json.loads(text, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError(f"{file.name}: it is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file.name}: expected a JSON object, found {as_shown(repr(content))}")
    return content


def _no_number(name: str) -> NoReturn:
    # The manifest is read by others too, and JSON has no such number.
    raise ValueError(f"expected numbers, found {name}")
