"""A film of what was seen, at the speed at which it was seen."""

from collections.abc import Collection

from edge.chain import Outcome
from edge.config import Settings
from edge.show.drawing import annotate
from edge.show.recording import Recording
from edge.values import Frame
from edge.watch.observer import Observer

LONGEST_STILL = 1.0
"""Seconds of a recording that one frame may fill."""


class Film(Observer):
    """Records a watch with one camera."""

    def __init__(self, recording: Recording, rate: float, violations: Collection[str]) -> None:
        """Prepare to record.

        Args:
            recording: takes the frames.
            rate: frames per second that it plays at.
            violations: the labels that count as a violation.
        """
        self._recording = recording
        self._rate = rate
        self._violations = violations
        self._last: float | None = None
        self._owed = 0.0
        """Frames of the film that the time so far asks for and that are not written yet."""

    def adopted(self, settings: Settings) -> None:
        """Go by other settings."""
        self._violations = settings.decision.violations

    def saw(self, camera: str, frame: Frame, outcome: Outcome) -> None:  # noqa: ARG002
        """Show a frame until the next: once, more often or not at all, as their times say."""
        elapsed = 1 / self._rate if self._last is None else frame.monotonic - self._last
        # A camera that was away leaves no hour of stills behind.
        self._owed += min(elapsed, LONGEST_STILL) * self._rate
        self._last = frame.monotonic
        drawn = annotate(frame.pixels, outcome.people, self._violations)
        while self._owed > 0.5:
            self._recording.write(drawn)
            self._owed -= 1
