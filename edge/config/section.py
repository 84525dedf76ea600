"""What every section of the settings is, and the types that several of them use."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """A table of the settings file: unknown keys are refused, nothing changes after it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


Name = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
"""A name that fits into a topic and a host name."""


def _as_text(value: object) -> object:
    return str(value) if type(value) is int else value


NUMBER_AS_TEXT = BeforeValidator(_as_text)
"""Takes 0 for "0": TOML has both, and a person does not care."""


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError("no home folder is known for ~") from error


HomePath = Annotated[Path, AfterValidator(_expanded)]
"""A path that may begin with ~, the user's home folder."""
Seconds = Annotated[float, Field(ge=0, le=86_400)]
