"""One camera of a running watch: its frames, the people in them, how it is doing."""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from edge.alerting.alerts import Alert
from edge.chain import Chain
from edge.config import Settings
from edge.config.hours import parse_hours
from edge.nets import OpenNets
from edge.sources.capture import Capture
from edge.sources.feed import EveryFrame, Feed
from edge.sources.opening import open_source, open_watched
from edge.sources.state import Condition, Record
from edge.values import Frame
from edge.watch.change import opened_otherwise

RETRY = 5.0
"""Seconds until a refused camera is tried again, while there are others."""

T = TypeVar("T")
log = logging.getLogger(__name__)


class Line:
    """A camera and all that is kept for it alone. The thread that watches uses it."""

    def __init__(
        self,
        name: str,
        nets: OpenNets,
        settings: Settings,
        *,
        once: bool,
        on_news: Callable[[], object],
    ) -> None:
        """Prepare to watch a camera.

        Args:
            name: which of `settings.cameras`.
            nets: shared with the other cameras.
            settings: all of them.
            once: take every frame of a file, as fast as it goes.
            on_news: called from any thread when there may be a frame.
        """
        self.name = name
        self.camera = settings.cameras[name]
        self.chain = Chain(nets, settings, self.camera)
        self.record = Record(name)
        self._hours = [parse_hours(text) for text in self.camera.hours]
        self._once, self._on_news = once, on_news
        self._feed: Feed | None = None
        self.failure: Exception | None = None
        """Why the camera is refused, if it is; it is tried again now and then."""
        self._next_try = 0.0
        self._told: str | None = None

    @property
    def rate(self) -> float:
        """Frames per second that come, as far as that is known beforehand."""
        interval = self._feed.interval if isinstance(self._feed, EveryFrame) else 0
        return 1 / interval if interval else self.camera.rate

    @property
    def over(self) -> bool:
        """Whether no frame will come any more, be it for a failure."""
        return self.failure is not None or (self._feed is not None and self._feed.ended)

    @property
    def broken(self) -> str | None:
        """Why frames of the file are missing, where every one is wanted; None while none are."""
        return self._feed.broken if self._feed else None

    def begin(self) -> None:
        """Begin to open the camera; a failure is noted in `failure`."""
        self.failure = None
        if self._once:
            self._feed = EveryFrame(lambda: open_source(self.camera, once=True), self.record)
        else:
            self._feed = Capture(
                partial(open_watched, self.name, self.camera),
                self.record,
                self._on_news,
                self.camera.frozen_after,
            )
        self._guarded(self._feed.begin)

    def wait_opened(self) -> None:
        """Wait a moment for the camera to open; a failure is noted in `failure`."""
        if self._feed is not None and self.failure is None:
            self._guarded(self._feed.wait_opened)

    def newest(self) -> Frame | None:
        """The newest frame, if there is one that was not processed yet."""
        if self._feed is None or self.failure is not None:
            return None
        feed = self._feed
        return self._guarded(lambda: feed.newest(0))

    def tend(self, *, paused: bool) -> list[Alert]:
        """Close or open the camera, as it should be now.

        Returns:
            What there is to tell of those who were in sight.
        """
        if self._once:
            return []
        rest: Condition | None = "paused" if paused else None if self._on_duty() else "resting"
        if rest is not None:
            return self._rest(rest) if self.record.condition != rest else []
        failed = self.failure is not None and time.monotonic() >= self._next_try
        if self._feed is None or failed:
            self.begin()
        return []

    def _on_duty(self) -> bool:
        now = time.localtime()
        return not self._hours or any(hours.hold(now) for hours in self._hours)

    def adopt(self, nets: OpenNets, settings: Settings) -> list[Alert]:
        """Go on by other settings; the camera is opened anew only if it must be.

        Returns:
            What there is to tell of those who were in sight of a camera that is opened anew.
        """
        before, self.camera = self.camera, settings.cameras[self.name]
        self._hours = [parse_hours(text) for text in self.camera.hours]
        self.chain.adopt(nets, settings, self.camera)
        return self._rest("starting") if opened_otherwise(before, self.camera) else []

    def leave(self) -> list[Alert]:
        """Close the camera, and take leave of everyone in sight."""
        self.stop()
        return self.chain.finish()

    def stop(self) -> None:
        """Read no more frames."""
        if self._feed is not None:
            self._feed.stop()

    def _rest(self, condition: Condition) -> list[Alert]:
        alerts = self.leave()
        self._feed, self.failure = None, None
        self.record.become(condition)
        return alerts

    def _guarded(self, step: Callable[[], T]) -> T | None:
        """Do a step of which no failure shall reach the other cameras."""
        try:
            return step()
        except Exception as error:  # noqa: BLE001 - raised when no camera is left
            self.failure = error
            self._next_try = time.monotonic() + RETRY
            self.record.become("failed", str(error))
            if str(error) != self._told:
                self._told = str(error)
                log.error("camera %s: %s", self.name, error)
            return None
