"""Gathers how the device is doing, from those who know."""

import platform
import time
from pathlib import Path

from edge import __version__
from edge.alerting.outbox import default_path
from edge.chain import STAGES, Outcome
from edge.clock import Clock
from edge.config import Settings
from edge.health.hardware import Hardware
from edge.health.health import BrokerHealth, CameraHealth, Health, OutboxHealth, UpdateFailure
from edge.health.logs import ERRORS
from edge.health.memory import resident
from edge.health.window import Rate, Spent
from edge.runtime.interpreter import runtime_name
from edge.sources.state import CameraState
from edge.values import Frame
from edge.watch.observer import Observer
from edge.watch.running import Watch


class Monitor(Observer):
    """Looks on while a watch runs, and says how it is doing; any thread may ask."""

    def __init__(self, watch: Watch, hardware: Hardware) -> None:
        """Begin to look on.

        Args:
            watch: the caller has it observed; it must have been entered before `health` is asked.
            hardware: of this device.
        """
        self._watch, self._hardware = watch, hardware
        self._clock = Clock()
        self._began = time.monotonic()
        self._rates: dict[str, Rate] = {}
        self._spent = {stage: Spent() for stage in (*STAGES, "total")}

    def saw(self, camera: str, frame: Frame, outcome: Outcome) -> None:  # noqa: ARG002
        """Count a frame, and remember what it took."""
        self._rates.setdefault(camera, Rate()).add()
        for stage, seconds in outcome.seconds.items():
            self._spent[stage].add(seconds)
        self._spent["total"].add(sum(outcome.seconds.values()))

    def adopted(self, settings: Settings) -> None:
        """Forget cameras that are no more."""
        for name in self._rates.keys() - settings.cameras.keys():
            self._rates.pop(name)

    def health(self) -> Health:
        """How the device is doing now."""
        dispatch, now = self._watch.dispatch, self._clock.read()
        broker = dispatch.publisher.state
        path = self._watch.settings.outbox.path or default_path()
        latencies = {stage: spent.latency for stage, spent in self._spent.items()}
        return Health(
            time=now.wall,
            clock_trusted=now.trust == "trusted",
            uptime=time.monotonic() - self._began,
            cameras={state.camera: self._camera(state) for state in self._watch.states()},
            latency={stage: latency for stage, latency in latencies.items() if latency},
            shedding=self._watch.shedder.state,
            outbox=OutboxHealth(len(dispatch.outbox), _bytes(path), dispatch.outbox.dropped),
            broker=BrokerHealth(broker.connected, broker.refused, broker.detail),
            temperature=self._hardware.temperature,
            throttling=self._hardware.throttling,
            memory=resident(),
            last_error=ERRORS.newest,
            update_failure=self._update_failure(),
            versions={
                "maskgate": __version__,
                "python": platform.python_version(),
                "runtime": runtime_name(),
                **self._watch.bundles(),
            },
        )

    def _update_failure(self) -> UpdateFailure | None:
        failure = self._watch.update_failure
        if failure is None:
            return None
        return UpdateFailure(failure.time, failure.section, failure.bundle, failure.reason)

    def _camera(self, state: CameraState) -> CameraHealth:
        rate = self._rates.get(state.camera) or Rate()
        return CameraHealth(
            state=state.condition,
            reason=state.reason,
            frames_per_second=rate.per_second,
            frames=rate.count,
            dropped=state.dropped,
            shed=self._watch.shedder.skipped(state.camera),
            outages=state.outages,
            last_frame=rate.since,
        )


def _bytes(path: Path) -> int:
    """What a database and its journal take on the disk."""
    total = 0
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            total += file.stat().st_size
        except OSError:
            continue
    return total
