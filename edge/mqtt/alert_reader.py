"""Reading what devices publish: whatever the network brings becomes at most one harmless line."""

import json
import logging
from datetime import datetime
from typing import Any, Literal

import click
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from edge.alerting.alerts import in_words
from edge.alerting.losses import DROPPED_TYPE
from edge.bundle import Share
from edge.clock import ClockTrust
from edge.config import Name
from edge.errors import as_shown
from edge.mqtt.message import Message
from edge.mqtt.repeats import Repeats
from edge.mqtt.topics import ROOT

MAX_PAYLOAD = 65_536
"""Bytes; an alert has less than a thousand."""
REMEMBERED = 10_000
"""Events known by their id; a repeat comes soon after the first, if it comes."""
_LONGEST = 100
"""Characters shown of a text from the network."""
log = logging.getLogger(__name__)


class _Part(BaseModel):
    # What a later version adds is let through; what is known must be right.
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _Data(_Part):
    site: Name
    device: Name
    camera: str = Field(min_length=1)
    kind: str = Field(min_length=1)
    state: Literal["opened", "closed"]
    first_seen: AwareDatetime
    last_seen: AwareDatetime
    confidence: Share
    late: bool
    clock: ClockTrust = "trusted"
    reason: str | None = None


class _Event(_Part):
    specversion: Literal["1.0"]
    id: str = Field(min_length=1, max_length=200)
    data: _Data


class _LostData(_Part):
    site: Name
    device: Name
    count: int = Field(ge=1)
    oldest: AwareDatetime | None = None
    newest: AwareDatetime | None = None
    clock: ClockTrust = "trusted"


class _LostEvent(_Part):
    specversion: Literal["1.0"]
    id: str = Field(min_length=1, max_length=200)
    type: Literal["org.maskgate.alerts.dropped"]
    data: _LostData


class AlertReader:
    """Turns messages into lines, and drops an event that came before."""

    def __init__(self, *, as_json: bool) -> None:
        """Choose the lines: JSON objects, or words."""
        self._as_json = as_json
        self._repeats = Repeats(REMEMBERED)

    def line(self, message: Message) -> str | None:
        """What to show of a message.

        Returns:
            A line without control characters; None for a repeat, for a status that is cleared,
            and for what is no alert and no status, which is logged as a warning.
        """
        try:
            site, device, name = _levels(message.topic)
            if name == "status":
                return self._status(site, device, message.payload)
            return self._alert(site, device, message)
        except ValueError as error:
            log.warning("%s: left out, %s", _harmless(message.topic), _harmless(str(error)))
            return None

    def _status(self, site: str, device: str, payload: bytes) -> str | None:
        if not payload:
            return None  # This is how a retained status is taken back, MQTT 5, 3.3.1.3.
        if payload not in {b"online", b"offline"}:
            raise ValueError("expected the status online or offline")
        status = payload.decode()
        if self._as_json:
            return _as_line({"site": site, "device": device, "status": status})
        return f"{_local(datetime.now().astimezone())} {site}/{device}: {status}"

    def _alert(self, site: str, device: str, message: Message) -> str | None:
        event, content = _parse(message.payload)
        if (event.data.site, event.data.device) != (site, device):
            raise ValueError(f"it claims to be of {event.data.site}/{event.data.device}")
        if self._repeats.has(message.topic, event.id):
            return None
        if self._as_json:
            return _as_line(content)
        data = event.data
        return _lost_in_words(data) if isinstance(data, _LostData) else _in_words(data)


def _harmless(text: str) -> str:
    """A text from the network without what a terminal would obey, and not too long."""
    return as_shown(text, _LONGEST)


def _levels(topic: str) -> tuple[str, str, str]:
    levels = topic.split("/")
    if len(levels) != 4 or levels[0] != ROOT or levels[3] not in {"alert", "status"}:
        raise ValueError("not a device's topic")
    return _harmless(levels[1]), _harmless(levels[2]), levels[3]


def _parse(payload: bytes) -> tuple[_Event | _LostEvent, dict[str, Any]]:
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"expected an alert, found {len(payload)} bytes")
    try:
        content = json.loads(payload, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("expected an alert, found JSON nested too deep") from None
    except ValueError as error:
        raise ValueError(f"expected JSON ({error})") from None
    is_loss = isinstance(content, dict) and content.get("type") == DROPPED_TYPE
    event: _Event | _LostEvent
    try:
        event = (_LostEvent if is_loss else _Event).model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "it"
        # pydantic would name the class that it wants.
        reason = "expected an object" if fault["type"] == "model_type" else fault["msg"]
        raise ValueError(f"expected an alert, but {where}: {reason}") from None
    return event, content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _as_line(content: dict[str, Any]) -> str:
    # json escapes all but printable ASCII.
    return json.dumps(content)


def _in_words(data: _Data) -> str:
    what = _harmless(in_words(data.kind))
    who = f"{_local(data.last_seen)} {data.site}/{data.device} {_harmless(data.camera)}"
    if data.state == "opened":
        text = click.style(f"ALERT {what}", fg="red", bold=True) + f", {data.confidence:.0%} sure"
    else:
        seconds = max(0.0, (data.last_seen - data.first_seen).total_seconds())
        text = f"over: {what}, {data.confidence:.0%} sure, seen for {seconds:.0f} s"
    if data.reason is not None:
        text += f", {_harmless(data.reason)}"
    late = ", sent late" if data.late else ""
    return f"{who}: {text}{late}{_doubt(data.clock)}"


def _lost_in_words(data: _LostData) -> str:
    what = "alert was" if data.count == 1 else "alerts were"
    text = click.style(f"{data.count} {what} LOST", fg="red", bold=True)
    if data.oldest and data.newest:
        text += f", of {_local(data.oldest)} to {_local(data.newest)}{_doubt(data.clock)}"
    return f"{_local(datetime.now().astimezone())} {data.site}/{data.device}: {text}"


def _doubt(clock: ClockTrust) -> str:
    return ", by a clock that was not set" if clock == "untrusted" else ""


def _local(moment: datetime) -> str:
    try:
        return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError) as error:
        raise ValueError(f"no such time ({error})") from None
