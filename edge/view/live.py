"""What the page shows: pictures of each camera, and the state of the whole."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from edge.alerting.alerts import Alert, in_words
from edge.chain import Outcome
from edge.config import Settings
from edge.people.counts import Counts
from edge.sources.state import CameraState
from edge.values import Frame
from edge.view.screen import Screen
from edge.watch.observer import Observer

_ALERTS: Final = 20
"""Newest alerts shown."""
_SPEED_OVER: Final = 30
"""Newest frames that the speed is measured over."""


class Live(Observer):
    """Looks on while the device watches, and tells those who look at the page.

    It is told on the thread that watches, and asked on others.
    """

    def __init__(
        self,
        settings: Settings,
        counts: Callable[[], Counts],
        states: Callable[[], Sequence[CameraState]],
        health: Callable[[], Mapping[str, Any] | None] = lambda: None,
    ) -> None:
        """Begin with nothing seen.

        Args:
            settings: all of them; what they say in [view] holds for as long as this lives.
            counts: tells how many persons there were today; asked on any thread.
            states: tells how each camera is doing; asked on any thread.
            health: tells how the device is doing, as it is published, None while that is not
                known; asked on any thread.
        """
        self._hide_faces = settings.view.hides_faces
        self._login = settings.view.password_file is not None
        self._today, self._states, self._health = counts, states, health
        self._lock = threading.Lock()
        self._alerts: deque[dict[str, Any]] = deque(maxlen=_ALERTS)
        self._times: dict[str, deque[float]] = {}
        self.screens: Mapping[str, Screen] = {}
        """What each camera shows, by its name."""
        self.adopted(settings)

    def adopted(self, settings: Settings) -> None:
        """Show the cameras that there are now."""
        with self._lock:
            self._settings = settings
            before = self.screens
            self.screens = {name: self._screen() for name in settings.cameras}
            self._times = {name: deque(maxlen=_SPEED_OVER) for name in settings.cameras}
        for screen in before.values():
            screen.close()

    def saw(self, camera: str, frame: Frame, outcome: Outcome) -> None:
        """Take the next frame of a camera, and what it led to."""
        self.screens[camera].put(frame, outcome)
        with self._lock:
            self._times[camera].append(time.monotonic())

    def told(self, alerts: Sequence[Alert]) -> None:
        """Remember when alerts were and what for; of their persons nothing."""
        with self._lock:
            for alert in alerts:
                self._note(alert)

    def state(self) -> dict[str, Any]:
        """All that the page shows beside the pictures."""
        with self._lock:
            settings = self._settings
            alerts = [dict(alert) for alert in reversed(self._alerts)]
            cameras = [self._camera(state) for state in self._states() if self._shows(state)]
        return {
            "site": settings.device.site,
            "device": settings.device.id,
            "faces_hidden": self._hide_faces,
            "login": self._login,
            "cameras": cameras,
            "counts": self._counts(),
            "alerts": alerts,
            "health": self._health(),
        }

    def close(self) -> None:
        """Let go of everyone who waits for a picture."""
        for screen in self.screens.values():
            screen.close()

    def _screen(self) -> Screen:
        return Screen(self._settings.decision.violations, hide_faces=self._hide_faces)

    def _shows(self, state: CameraState) -> bool:
        return state.camera in self.screens

    def _camera(self, state: CameraState) -> dict[str, Any]:
        camera = self._settings.cameras[state.camera]
        age, times = self.screens[state.camera].age, self._times[state.camera]
        # To now, not to the newest: a camera that has stopped gets slower and slower.
        lasted = time.monotonic() - times[0] if times else 0.0
        return {
            "name": state.camera,
            "condition": state.condition,
            "reason": state.reason,
            "outages": state.outages,
            "dropped": state.dropped,
            "zones": camera.zones,
            "min_face": camera.min_face or self._settings.detector.min_face,
            "age": None if age is None else round(age, 1),
            "frames_per_second": round(len(times) / lasted, 1) if lasted > 0 else 0.0,
        }

    def _counts(self) -> list[dict[str, Any]]:
        today = self._today()
        return [
            {"what": "people", "count": today.seen, "kind": "all"},
            {"what": "masked", "count": today.masked, "kind": "masked"},
            {"what": "unmasked", "count": today.unmasked, "kind": "violation"},
            {"what": "unsure", "count": today.unsure, "kind": "unsure"},
        ]

    def _note(self, alert: Alert) -> None:
        violation = str(alert.violation)
        if alert.state == "opened":
            self._alerts.append(
                {
                    "id": violation,
                    "time": alert.decided,
                    "camera": alert.camera,
                    "label": in_words(alert.label),
                    "over": None,
                }
            )
            return
        for noted in self._alerts:
            if noted["id"] == violation:
                noted["over"] = alert.decided
