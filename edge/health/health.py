"""The value that says how the device is doing; MQTT, the live view and the metrics show it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edge.alerting.alerts import rfc3339
from edge.config import Device
from edge.sources.state import Condition


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """How one camera is doing."""

    state: Condition
    reason: str | None
    """Why it is away or failed; None otherwise."""
    frames_per_second: float
    """Processed, over the newest seconds."""
    frames: int
    """Processed since the start."""
    dropped: int
    """Frames that a newer one replaced before they were looked at, since the start."""
    shed: int
    """Frames skipped on purpose, to spare a hot or late device, since the start."""
    outages: int
    """How often the camera was away since the start."""
    last_frame: float | None
    """Seconds since the newest processed frame; None when there was none."""


@dataclass(frozen=True, slots=True)
class Latency:
    """What a stage takes, over its newest frames."""

    median: float
    """Seconds."""
    p95: float
    """Seconds; 95 of 100 frames took no longer."""


@dataclass(frozen=True, slots=True)
class OutboxHealth:
    """What waits for the broker."""

    waiting: int
    """Messages that the broker does not have yet."""
    bytes: int
    """Size of the outbox on disk."""
    dropped: int
    """Messages lost because too many waited or the disk failed, ever."""


@dataclass(frozen=True, slots=True)
class BrokerHealth:
    """How the device and its broker get on."""

    connected: bool
    refused: bool
    """The broker has said no: somebody has to put something right."""
    detail: str


@dataclass(frozen=True, slots=True)
class Throttling:
    """What the hardware does to protect itself, in words, e.g. "under-voltage"."""

    now: tuple[str, ...]
    since_boot: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shedding:
    """How much the device spares itself."""

    most_frames_per_second: float | None
    """Of each camera; None when nothing is skipped."""
    reason: str | None
    """Why; None when nothing is skipped."""


@dataclass(frozen=True, slots=True)
class LastError:
    """The newest error that was logged."""

    time: float
    """Seconds since the Unix epoch, as the device believed at the time."""
    text: str


@dataclass(frozen=True, slots=True)
class UpdateFailure:
    """An update that the device took back by itself."""

    time: str
    """RFC 3339, as the device believed at the time."""
    section: str
    """Whose bundle it was: detector or classifier."""
    bundle: str
    reason: str


@dataclass(frozen=True, slots=True)
class Health:
    """How the device is doing at one moment."""

    time: float
    """Seconds since the Unix epoch, as the device believes."""
    clock_trusted: bool
    """Whether that time is to be believed."""
    uptime: float
    """Seconds since the program started."""
    cameras: Mapping[str, CameraHealth]
    """By the camera's name."""
    latency: Mapping[str, Latency]
    """By stage; "total" is all of them together."""
    shedding: Shedding
    outbox: OutboxHealth
    broker: BrokerHealth
    temperature: float | None
    """Of the hottest part, °C; None where the hardware does not tell."""
    throttling: Throttling | None
    """None where the hardware does not tell."""
    memory: int
    """Resident memory of the program, bytes."""
    last_error: LastError | None
    update_failure: UpdateFailure | None
    """The last update, if it was taken back and none has proved itself since."""
    versions: Mapping[str, str]
    """Of the program, of Python, and of the bundles in use."""

    @property
    def frames_per_second(self) -> float:
        """Processed frames of all cameras together."""
        return sum(camera.frames_per_second for camera in self.cameras.values())


def to_message(health: Health, device: Device) -> dict[str, Any]:
    """The health as it is published (schemas/health.schema.json); units are in the names.

    Args:
        health: what to tell.
        device: who tells it.
    """
    return {
        "site": device.site,
        "device": device.id,
        "time": rfc3339(health.time),
        "clock_trusted": health.clock_trusted,
        "uptime_s": round(health.uptime),
        "frames_per_second": round(health.frames_per_second, 1),
        "cameras": {name: _camera(camera) for name, camera in health.cameras.items()},
        "latency_ms": {
            stage: {"median": _milliseconds(spent.median), "p95": _milliseconds(spent.p95)}
            for stage, spent in health.latency.items()
        },
        "shedding": {
            "most_frames_per_second": health.shedding.most_frames_per_second,
            "reason": health.shedding.reason,
        },
        "outbox": {
            "waiting": health.outbox.waiting,
            "bytes": health.outbox.bytes,
            "dropped": health.outbox.dropped,
        },
        "broker": {
            "connected": health.broker.connected,
            "refused": health.broker.refused,
            "detail": health.broker.detail,
        },
        "temperature_c": None if health.temperature is None else round(health.temperature, 1),
        "throttling": health.throttling
        and {
            "now": list(health.throttling.now),
            "since_boot": list(health.throttling.since_boot),
        },
        "memory_bytes": health.memory,
        "last_error": health.last_error
        and {"time": rfc3339(health.last_error.time), "text": health.last_error.text},
        "update_failure": health.update_failure and asdict(health.update_failure),
        "versions": dict(health.versions),
    }


def _camera(camera: CameraHealth) -> dict[str, Any]:
    return {
        "state": camera.state,
        "reason": camera.reason,
        "frames_per_second": round(camera.frames_per_second, 1),
        "frames": camera.frames,
        "dropped": camera.dropped,
        "shed": camera.shed,
        "outages": camera.outages,
        "last_frame_s": None if camera.last_frame is None else round(camera.last_frame, 1),
    }


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 2)
