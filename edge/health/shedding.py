"""Load shed: when the device is hot, throttled or late, frames are skipped; none ever waits."""

import logging
import threading
from collections import Counter

from edge.config import Health
from edge.health.health import Shedding, Throttling

STEPS = (8.0, 4.0, 2.0, 1.0)
"""Frames per second of each camera that are processed at most, from step to step."""
UP_SECONDS = 10.0
"""Between two steps to fewer frames: so long it takes until one shows."""
DOWN_SECONDS = 60.0
"""Without trouble, before a step to more frames."""
COOLER = 5.0
"""°C below the limit from which the device counts as cool again."""
LATE_SHARE, LATE_FRAMES = 0.5, 5
"""Share of the frames, and number, that must be late for the device to be."""
FEWEST = 1.0
"""Seconds after which a frame is processed whatever else holds: nothing stands still."""
log = logging.getLogger(__name__)


class Shedder:
    """Says which frames are skipped.

    Any thread may call any method. `wants` is asked for each frame, `judge` every few seconds.
    """

    def __init__(self, settings: Health) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._step = 0
        self._reason: str | None = None
        self._stepped = 0.0
        """When the last step to fewer was taken, monotonic seconds."""
        self._calm_since: float | None = None
        """Since when there is no trouble, or when the last step to more was taken since then."""
        self._last: dict[str, float] = {}
        """When each camera last had a frame processed, monotonic seconds."""
        self._seen = self._late = 0
        self._skipped: Counter[str] = Counter()

    def adopt(self, settings: Health) -> None:
        """Go on by other settings."""
        with self._lock:
            self._settings = settings

    @property
    def state(self) -> Shedding:
        """How much is skipped now, and why."""
        with self._lock:
            most = STEPS[self._step - 1] if self._step else None
            return Shedding(most, self._reason if self._step else None)

    def skipped(self, camera: str) -> int:
        """Frames of a camera that were skipped so far."""
        with self._lock:
            return self._skipped[camera]

    def wants(self, camera: str, taken: float, now: float) -> bool:
        """Whether a frame is to be processed.

        Args:
            camera: whose frame it is.
            taken: when the frame was taken, monotonic seconds.
            now: monotonic seconds.
        """
        with self._lock:
            late = now - taken > self._settings.late_after
            self._seen += 1
            self._late += late
            since = now - self._last.get(camera, float("-inf"))
            # What comes a little early is not put off to the frame after it.
            most = 0.9 / STEPS[self._step - 1] if self._step else 0.0
            if since < FEWEST and (late or since < most):
                self._skipped[camera] += 1
                return False
            self._last[camera] = now
            return True

    def judge(self, temperature: float | None, throttling: Throttling | None, now: float) -> None:
        """Take a step to fewer or more frames, if it is time for one.

        Args:
            temperature: °C, None where unknown.
            throttling: what the hardware does, None where unknown.
            now: monotonic seconds.
        """
        with self._lock:
            trouble = self._trouble(temperature, throttling)
            self._seen = self._late = 0
            before = self._step
            if trouble:
                self._reason, self._calm_since = trouble, None
                if not self._step or now - self._stepped >= UP_SECONDS:
                    self._step, self._stepped = min(self._step + 1, len(STEPS)), now
            elif temperature is not None and temperature > self._settings.hot - COOLER:
                self._calm_since = None
            elif self._calm_since is None:
                self._calm_since = now
            elif self._step and now - self._calm_since >= DOWN_SECONDS:
                self._step, self._calm_since = self._step - 1, now
            after = self._step
        if after and not before:
            log.warning("skipping frames: %s", trouble)
        elif before and not after:
            log.info("no more frames are skipped")

    def _trouble(self, temperature: float | None, throttling: Throttling | None) -> str | None:
        if temperature is not None and temperature >= self._settings.hot:
            return f"too hot: {temperature:.0f} °C"
        if throttling is not None and throttling.now:
            return f"the hardware slows down: {', '.join(throttling.now)}"
        if self._late >= max(LATE_FRAMES, LATE_SHARE * self._seen):
            return f"{self._late} of {self._seen} frames were late"
        return None
