"""Requests as they come from the network, checked; and the answers to them."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.config import Name
from edge.config.commands import CommandName

LARGEST = 4096
"""Bytes of a request; the largest that makes sense has a few hundred."""
LONGEST_PAUSE = 86_400
"""Seconds; who wants it longer asks again."""
RequestId = Annotated[str, Field(pattern="^[A-Za-z0-9._:-]{1,64}$")]
Outcome = Literal["done", "failed", "refused"]


class Request(BaseModel):
    """What every request says (schemas/command.schema.json)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: RequestId
    """The asker's; the answer carries it, and a request that comes again is known by it."""


class Pause(Request):
    """Look at no frames for a while."""

    seconds: Annotated[int, Field(ge=1, le=LONGEST_PAUSE)] | None = None
    """For how long; until resumed when None."""


class Resume(Request):
    """Look at frames again."""


class Snapshot(Request):
    """Send a picture."""

    camera: Name | None = None
    """Of which camera; of all when None."""


class Reload(Request):
    """Read the settings again."""


class Update(Request):
    """Fetch a bundle, and run it if it is trusted and does as well as the one that runs."""

    url: Annotated[str, Field(pattern="^https://[!-~]{1,1000}$")] | None = None
    """Where the bundle is: a zip, over HTTPS; where the settings say when None."""


REQUESTS: dict[CommandName, type[Request]] = {
    "pause": Pause,
    "resume": Resume,
    "snapshot": Snapshot,
    "reload": Reload,
    "update": Update,
}


def read_request(name: CommandName, payload: bytes) -> Request:
    """Check what came from the network.

    Raises:
        ValueError: what is wrong with it, in one line that repeats nothing of it.
    """
    if len(payload) > LARGEST:
        raise ValueError(f"expected at most {LARGEST} bytes, found {len(payload)}")
    try:
        return REQUESTS[name].model_validate_json(payload)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise ValueError(_explain(name, fault)) from None


def _explain(name: CommandName, fault: Any) -> str:
    if fault["type"] in {"json_invalid", "model_type"}:
        return 'expected a JSON object, e.g. {"id": "1"}'
    key = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return f"unknown key; known are {', '.join(REQUESTS[name].model_fields)}"
    reason = "it is missing" if fault["type"] == "missing" else str(fault["msg"])
    return f"{key}: {reason[:1].lower()}{reason[1:]}"


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a request (schemas/result.schema.json)."""

    command: CommandName
    id: str | None
    """The request's; None where it could not be read."""
    outcome: Outcome
    """refused: nothing was tried."""
    detail: str
    """What was done, or why not; one line."""

    def to_json(self) -> str:
        """The answer as it is published."""
        return json.dumps(
            {
                "command": self.command,
                "id": self.id,
                "outcome": self.outcome,
                "detail": self.detail,
            }
        )
