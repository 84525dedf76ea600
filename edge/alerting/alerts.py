"""Alerts: what the device says of one violation, and the CloudEvent that carries it."""

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from math import isfinite
from typing import Any, Literal
from uuid import UUID

from edge.clock import ClockTrust, Reading
from edge.config import Device
from edge.values import Box

State = Literal["opened", "closed"]
EVENT_TYPE = "org.maskgate.violation"
"""CloudEvents type, less the state that follows it after a dot."""
_LATEST = 253_402_300_799.0
"""The last second that RFC 3339 can write, in seconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One of the two things to say of a violation: that it opened, or that it closed.

    Raises:
        ValueError: a time, the confidence, the votes or the box is out of its range.
    """

    violation: UUID
    """Names the violation; the same when it opens and when it closes."""
    state: State
    label: str
    """The bundle's label that made it a violation, e.g. "face_no_mask"."""
    camera: str
    first_seen: float
    """Seconds since the Unix epoch when the person came into view."""
    last_seen: float
    """Seconds since the Unix epoch when the person was last in view."""
    decided: float
    """Seconds since the Unix epoch when the device came to know it; the event's time."""
    votes: int
    """Number of frames that counted."""
    confidence: float
    """How sure the votes are of the label, 0..1."""
    box: Box
    """The face when last in view, as shares of the frame's width and height, 0..1."""
    bundle: str
    bundle_version: str
    reason: Literal["restarted"] | None = None
    """Why it closed, when not because the device saw it end: it was started anew."""
    clock: ClockTrust = "untrusted"
    """Whether the three times are of a wall clock that can be trusted."""
    monotonic: float | None = None
    """Monotonic seconds of `decided`, by which times of a wrong clock can be put right later.

    None where that is not possible.
    """

    def __post_init__(self) -> None:
        shares = (
            self.confidence,
            self.box.left,
            self.box.top,
            self.box.right,
            self.box.bottom,
        )
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError(f"confidence and box must be in 0..1, found {shares}")
        for moment in (self.first_seen, self.last_seen, self.decided):
            if not (isfinite(moment) and 0 <= moment < _LATEST + 1):
                raise ValueError(f"a time must be in seconds since 1970, found {moment}")
        if self.votes < 0:
            raise ValueError(f"votes must not be negative, found {self.votes}")


def shares_of_frame(box: Box, width: int, height: int) -> Box:
    """A box in pixels as shares of the frame, cut off at the frame's edges.

    Args:
        box: in pixels; may reach out of the frame.
        width: of the frame, pixels, 1 or more.
        height: of the frame, pixels, 1 or more.

    Returns:
        The box with all four sides in 0..1.
    """

    def share(pixels: float, whole: int) -> float:
        return min(max(pixels / whole, 0.0), 1.0)

    return Box(
        share(box.left, width),
        share(box.top, height),
        share(box.right, width),
        share(box.bottom, height),
    )


def put_right(alert: Alert, began: float) -> Alert:
    """An alert with the times that a clock gives which can be trusted.

    Args:
        alert: as it was decided.
        began: seconds since the Unix epoch when the monotonic clock of the alert's boot was zero,
            by a clock that can be trusted.

    Returns:
        The same alert where its times were trusted before, or cannot be put right.
    """
    if alert.clock == "trusted" or alert.monotonic is None:
        return alert
    return replace(_moved(alert, began + alert.monotonic - alert.decided), clock="trusted")


def close_left_open(opened: Alert, now: Reading, *, same_boot: bool) -> Alert:
    """What closes a violation whose end nobody saw, for the device was started anew.

    Args:
        opened: what opened it.
        now: the clocks.
        same_boot: whether the monotonic clock has run on since it opened.
    """
    closed = replace(opened, state="closed", reason="restarted")
    if same_boot and opened.monotonic is not None:
        # All three times by the clock as it is now: they can be put right together.
        moved = _moved(closed, now.began + opened.monotonic - opened.decided)
        return replace(moved, decided=now.wall, monotonic=now.monotonic, clock=now.trust)
    # By two clocks, of which only the later could still be put right.
    trust = now.trust if opened.clock == "trusted" else "untrusted"
    return replace(closed, decided=now.wall, monotonic=None, clock=trust)


def in_words(label: str) -> str:
    """Say a label as a person would: face_no_mask is "no mask"."""
    return label.removeprefix("face_").replace("_", " ")


def to_cloudevent(alert: Alert, device: Device, *, late: bool) -> dict[str, Any]:
    """An alert as a CloudEvents 1.0 event in structured JSON form (schemas/alert.schema.json).

    All but `late`, and times of a wrong clock that were put right, is the same however often the
    event is sent, so a subscriber can drop repeats by the event's id.

    Args:
        alert: what to tell.
        device: who tells it.
        late: whether it had to wait before it was sent.
    """
    violation = str(alert.violation)
    data: dict[str, Any] = {
        "violation": violation,
        "device": device.id,
        "site": device.site,
        "camera": alert.camera,
        "kind": alert.label,
        "state": alert.state,
        "first_seen": rfc3339(alert.first_seen),
        "last_seen": rfc3339(alert.last_seen),
        "votes": alert.votes,
        "confidence": round(alert.confidence, 4),
        "box": {
            "left": round(alert.box.left, 4),
            "top": round(alert.box.top, 4),
            "right": round(alert.box.right, 4),
            "bottom": round(alert.box.bottom, 4),
        },
        "bundle": {"name": alert.bundle, "version": alert.bundle_version},
        "clock": alert.clock,
        "late": late,
    }
    if alert.reason is not None:
        data["reason"] = alert.reason
    return {
        "specversion": "1.0",
        "id": f"{violation}.{alert.state}",
        "source": f"/maskgate/{device.site}/{device.id}",
        "type": f"{EVENT_TYPE}.{alert.state}",
        "subject": violation,
        "time": rfc3339(alert.decided),
        "datacontenttype": "application/json",
        "data": data,
    }


def _moved(alert: Alert, seconds: float) -> Alert:
    def at(moment: float) -> float:
        return min(max(0.0, moment + seconds), _LATEST)

    return replace(
        alert,
        first_seen=at(alert.first_seen),
        last_seen=at(alert.last_seen),
        decided=at(alert.decided),
    )


def rfc3339(moment: float) -> str:
    """A time in UTC, to the millisecond: 2026-11-23T08:30:12.480Z.

    Args:
        moment: seconds since the Unix epoch.
    """
    return (
        datetime.fromtimestamp(moment, timezone.utc)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
