"""The health as metrics, in the form of Prometheus."""

from collections.abc import Callable, Iterator, Mapping
from typing import get_args

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from edge.health.health import CameraHealth, Health
from edge.sources.state import Condition

Counts = Mapping[str, tuple[str, Callable[[Health], float]]]
"""By the metric's name: what it means, and where it comes from."""
COUNTERS: Counts = {
    "maskgate_outbox_dropped": (
        "Messages lost because too many waited or the disk failed.",
        lambda health: health.outbox.dropped,
    ),
}
GAUGES: Counts = {
    "maskgate_uptime_seconds": ("Since the program started.", lambda health: health.uptime),
    "maskgate_clock_trusted": (
        "1 if the clock was set by somebody who knows the time.",
        lambda health: health.clock_trusted,
    ),
    "maskgate_update_failed": (
        "1 if the last update was taken back and none has proved itself since.",
        lambda health: health.update_failure is not None,
    ),
    "maskgate_memory_bytes": ("Resident memory.", lambda health: health.memory),
    "maskgate_outbox_waiting": (
        "Messages that the broker does not have yet.",
        lambda health: health.outbox.waiting,
    ),
    "maskgate_outbox_bytes": (
        "Size of the outbox on disk.",
        lambda health: health.outbox.bytes,
    ),
    "maskgate_broker_connected": (
        "1 while the broker takes messages.",
        lambda health: health.broker.connected,
    ),
    "maskgate_broker_refused": (
        "1 while the broker says no.",
        lambda health: health.broker.refused,
    ),
}
CAMERA_COUNTERS: Mapping[str, tuple[str, Callable[[CameraHealth], float]]] = {
    "maskgate_frames_processed": ("Frames processed.", lambda camera: camera.frames),
    "maskgate_frames_dropped": (
        "Frames that a newer one replaced before they were looked at.",
        lambda camera: camera.dropped,
    ),
    "maskgate_frames_shed": (
        "Frames skipped on purpose, to spare the device.",
        lambda camera: camera.shed,
    ),
    "maskgate_camera_outages": ("How often the camera was away.", lambda camera: camera.outages),
}


class HealthCollector(Collector):
    """Makes metrics of the health, whenever they are asked for."""

    def __init__(self, health: Callable[[], Health]) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """All metrics of the device; docs/operator.md lists them."""
        health = self._health()
        yield InfoMetricFamily("maskgate", "Versions in use.", dict(health.versions))
        yield from _of_cameras(health.cameras)
        for name, (text, value) in COUNTERS.items():
            yield CounterMetricFamily(name, text, value(health))
        for name, (text, value) in GAUGES.items():
            yield GaugeMetricFamily(name, text, value(health))
        yield _latency(health)
        yield from _of_the_hardware(health)


def _of_cameras(cameras: Mapping[str, CameraHealth]) -> Iterator[Metric]:
    for name, (text, value) in CAMERA_COUNTERS.items():
        counter = CounterMetricFamily(name, text, labels=["camera"])
        for camera, health in cameras.items():
            counter.add_metric([camera], value(health))
        yield counter
    rate = GaugeMetricFamily(
        "maskgate_frames_per_second", "Frames processed lately.", labels=["camera"]
    )
    condition = GaugeMetricFamily(
        "maskgate_camera_state",
        "1 for the state that the camera is in.",
        labels=["camera", "state"],
    )
    for camera, health in cameras.items():
        rate.add_metric([camera], health.frames_per_second)
        for state in get_args(Condition):
            condition.add_metric([camera, state], state == health.state)
    yield rate
    yield condition


def _latency(health: Health) -> Metric:
    latency = GaugeMetricFamily(
        "maskgate_latency_seconds",
        "What a stage takes of a frame, over the newest frames.",
        labels=["stage", "quantile"],
    )
    for stage, spent in health.latency.items():
        latency.add_metric([stage, "0.5"], spent.median)
        latency.add_metric([stage, "0.95"], spent.p95)
    return latency


def _of_the_hardware(health: Health) -> Iterator[Metric]:
    """What only some hardware tells: no metric where it does not."""
    if health.temperature is not None:
        yield GaugeMetricFamily(
            "maskgate_temperature_celsius", "Of the hottest part.", health.temperature
        )
    if health.throttling is not None:
        yield GaugeMetricFamily(
            "maskgate_throttled", "1 while the hardware slows down.", bool(health.throttling.now)
        )
    most = health.shedding.most_frames_per_second
    if most is not None:
        yield GaugeMetricFamily(
            "maskgate_most_frames_per_second", "Of each camera, while frames are skipped.", most
        )
