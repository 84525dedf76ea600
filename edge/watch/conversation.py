"""What the device says beside its alerts, and what it is told: reports, pictures, commands."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import datetime, timedelta
from typing import Any

from edge.alerting.alerts import Alert
from edge.alerting.outbox import state_folder
from edge.clock import Clock
from edge.commands.desk import Desk, Handler
from edge.commands.request import Pause, Reload, Resume, Snapshot
from edge.config import Settings
from edge.config.commands import CommandName
from edge.errors import MaskGateError
from edge.health.installed import Installed
from edge.home_assistant.description import describe
from edge.home_assistant.discovery import Discovery
from edge.mqtt.message import Publication
from edge.mqtt.publisher import Publisher
from edge.mqtt.reports import Report
from edge.mqtt.topics import topic
from edge.people.counts import Counts, to_message
from edge.people.day_counts import DayCounts
from edge.people.decision import People
from edge.watch.observer import Observer
from edge.watch.running import Watch
from edge.watch.snapshots import Snapshots

HEALTH_EVERY = 30.0
"""Seconds between two messages about the health."""
HEALTH_EXPIRES = 120
"""Seconds after which it says nothing of how the device is now."""
RELOAD_LIMIT = 60.0
"""Seconds that the settings may take to be read again: nets may have to be measured."""
PARTING_LIMIT = 2.0
"""Seconds that a command has to end when the watch does."""
DESCRIBED_EVERY = 5.0
"""Seconds between two looks at whether the device has other entities."""
INSTALLED_EVERY = 10.0
"""Seconds between two looks at what was installed; the installer notes it when the device runs."""


class Conversation(Observer):
    """All that goes over the connection but alerts.

    A watch may open its way to the broker again, with another publisher; then it begins anew.
    """

    def __init__(self, watching: Watch, handlers: Mapping[CommandName, Handler]) -> None:
        """Prepare it; `attach` begins it.

        Args:
            watching: what it is about.
            handlers: of the commands that others obey, such as update.
        """
        self._watching = watching
        clock = Clock()
        self._counts = DayCounts(
            state_folder(watching.settings.outbox),
            clock_trusted=lambda: clock.read().trust == "trusted",
        )
        self._known = People()
        self._installed = Installed(state_folder(watching.settings.outbox))
        self._snapshots = Snapshots(watching.settings, self._post)
        self._resume_at: float | None = None
        self._health: Callable[[], Mapping[str, Any]] | None = None
        self._handlers: dict[CommandName, Handler] = {
            "pause": self._pause,
            "resume": self._resume,
            "snapshot": self._take_snapshot,
            "reload": self._reload,
            **handlers,
        }
        self._desk: Desk | None = None

    def tell_health(self, health: Callable[[], Mapping[str, Any]]) -> None:
        """Report how the device is doing, by schemas/health.schema.json; for any thread."""
        self._health = health

    def counts(self) -> Counts:
        """How many people there were today; for any thread."""
        return self._counts.today()

    def attach(self, publisher: Publisher, settings: Settings) -> None:
        """Speak by a publisher that has not started yet."""
        # Not waiting: what asks for another publisher may be a command itself.
        self._end_commands(0.0)
        publisher.report(Report(lambda: self._say_counts(settings)))
        publisher.report(Report(lambda: self._say_health(settings), HEALTH_EVERY))
        publisher.report(Report(lambda: self._say_installed(settings), INSTALLED_EVERY))
        allowed = {
            name: self._handlers[name] for name in settings.commands.allow if name in self._handlers
        }
        if allowed:
            self._desk = Desk(settings.device, allowed, self._post)
            publisher.hear(self._desk.topics, self._desk.take)
        if settings.home_assistant.discovery:
            found = Discovery(
                settings.home_assistant, settings.device, self._describe, publisher.post
            )
            publisher.report(Report(found.message, DESCRIBED_EVERY))
            publisher.hear(found.birth, found.on_birth)

    def told(self, alerts: Sequence[Alert]) -> None:
        """Count what is open."""
        for alert in alerts:
            self._counts.alert(alert)
        self._snapshots.told(alerts)

    def saw(self, *seen: Any) -> None:
        """Keep a frame for whoever asks for a picture."""
        self._snapshots.saw(*seen)

    def went_round(self) -> None:
        """Count who has left, and resume when a pause is over."""
        self._count()
        if self._resume_at is not None and time.monotonic() >= self._resume_at:
            self._resume_at = None
            self._watching.resume()

    def adopted(self, settings: Settings) -> None:
        """Go on by other settings."""
        self._snapshots.adopted(settings)

    def close(self) -> None:
        """Take no more commands, and keep what was counted."""
        self._end_commands(PARTING_LIMIT)
        self._snapshots.close()
        self._count()
        self._counts.close()

    def _post(self, publication: Publication) -> None:
        self._watching.dispatch.publisher.post(publication)

    def _end_commands(self, timeout: float) -> None:
        if self._desk is not None:
            self._desk.close(timeout)
            self._desk = None

    def _count(self) -> None:
        people, known = self._watching.people, self._known
        self._known = people
        violations = self._watching.settings.decision.violations
        for label, left in (people.by_label - known.by_label).items():
            for _ in range(left):
                self._counts.person(violates=label in violations)
        for _ in range(people.unsure - known.unsure):
            self._counts.person(violates=None)

    def _say_counts(self, settings: Settings) -> Publication:
        message = to_message(self._counts.today(), settings.device, self._counts.open_violations)
        return Publication(
            topic(settings.device, "counts"),
            json.dumps(message),
            retain=True,
            content_type="application/json",
            expires_after=_seconds_to_midnight(),
        )

    def _say_health(self, settings: Settings) -> Publication | None:
        if self._health is None:
            return None
        return Publication(
            topic(settings.device, "health"),
            json.dumps(self._health(), allow_nan=False),
            retain=True,
            content_type="application/json",
            expires_after=HEALTH_EXPIRES,
        )

    def _say_installed(self, settings: Settings) -> Publication | None:
        message = self._installed.message(settings.device)
        if message is None:
            return None
        return Publication(
            topic(settings.device, "report"),
            json.dumps(message, allow_nan=False),
            retain=True,
            content_type="application/json",
        )

    def _describe(self) -> dict[str, Any]:
        settings = self._watching.settings
        return describe(
            settings.device,
            list(settings.cameras),
            settings.commands.allow,
            snapshots=settings.snapshot.enabled,
        )

    def _pause(self, request: Pause) -> str:
        seconds = request.seconds
        self._resume_at = None if seconds is None else time.monotonic() + seconds
        self._watching.pause()
        return "paused until resumed" if seconds is None else f"paused for {seconds} s"

    def _resume(self, _request: Resume) -> str:
        self._resume_at = None
        self._watching.resume()
        return "resumed"

    def _reload(self, _request: Reload) -> str:
        names = reload(self._watching)
        return f"changed: {', '.join(names) or 'nothing'}"

    def _take_snapshot(self, request: Snapshot) -> str:
        return self._snapshots.take(request.camera)


def reload(watching: Watch) -> list[str]:
    """Have the settings read again, and wait for it; not on the thread that watches.

    Returns:
        The settings that changed.

    Raises:
        MaskGateError: they cannot be used, or it was not done in time.
    """
    try:
        return watching.reload().result(RELOAD_LIMIT)
    except (FutureTimeoutError, CancelledError):
        raise MaskGateError(f"not done within {RELOAD_LIMIT:g} s; see the log") from None


def _seconds_to_midnight() -> int:
    now = datetime.now().astimezone()
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(1, round((midnight - now).total_seconds()))
