"""A running watch: all cameras of the device, the way of their alerts, and whoever looks on."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import reduce
from operator import add
from typing import TypeVar

from edge.alerting.alerts import Alert
from edge.config import Settings
from edge.ending import End
from edge.errors import MaskGateError
from edge.health.shedding import Shedder
from edge.mqtt.publisher import Publisher
from edge.nets import require_some_label
from edge.people.decision import People
from edge.sources.state import CameraState
from edge.updates.current import with_updates
from edge.updates.probation import Probation
from edge.updates.state import Failure
from edge.values import Frame
from edge.watch.change import changed, need_other_nets
from edge.watch.dispatch import Dispatch
from edge.watch.line import Line
from edge.watch.observer import Observer
from edge.watch.onlookers import Onlookers
from edge.watch.requests import Requests

POLL = 0.2
"""Longest wait for a frame, in seconds, before a look at whether anything else is to be done."""

T = TypeVar("T")
log = logging.getLogger(__name__)


class Watch:
    """All that the device does, from its cameras to its broker.

    One thread enters it, runs it and leaves it. Any thread may read `settings`, `states` and
    `dispatch`, pause and resume, and have something done between two frames by `do`.
    """

    def __init__(
        self,
        settings: Settings,
        say: Callable[[str], object],
        *,
        once: bool = False,
        reread: Callable[[], Settings] | None = None,
    ) -> None:
        """Open the nets, which may take some seconds the first time; see OpenNets.

        Args:
            settings: all of them.
            say: tells a person something.
            once: take every frame of files, as fast as it goes; the settings stay.
            reread: reads the settings again, for reload().

        Raises:
            MaskGateError: a bundle cannot be used.
        """
        self.settings = settings
        self._say = say
        self._once = once
        self._reread = reread
        self._hung_up = False
        self._broken: MaskGateError | None = None
        self._probation = Probation(settings)
        self._nets = self._probation.open_nets(settings)
        self._news = threading.Event()
        self.lines: list[Line] = [self._new_line(name) for name in settings.cameras]
        """The cameras; for the thread that watches."""
        self.dispatch: Dispatch
        self.shedder = Shedder(settings.health)
        """Says which frames are skipped, to spare the device."""
        self._onlookers = Onlookers()
        self._speakers: list[Callable[[Publisher, Settings], object]] = []
        self._paused = False
        self._left = People()
        self._requests = Requests()

    # What others may use

    def observe(self, observer: Observer) -> None:
        """Let somebody look on; before it runs, or by `do`."""
        self._onlookers.add(observer)

    def speak(self, attach: Callable[[Publisher, Settings], object]) -> None:
        """Let somebody say and hear more than alerts; before it is entered.

        Args:
            attach: called with each publisher before it starts.
        """
        self._speakers.append(attach)

    def states(self) -> list[CameraState]:
        """How each camera is doing."""
        return [line.record.state() for line in self.lines]

    def bundles(self) -> dict[str, str]:
        """Name and version of the bundles in use, by what they are for."""
        return self._nets.versions

    @property
    def paused(self) -> bool:
        """Whether somebody has paused the watch."""
        return self._paused

    def pause(self) -> None:
        """Close all cameras, take leave of everyone in sight, and see nothing until resume()."""
        self._paused = True

    def resume(self) -> None:
        """Open the cameras again."""
        self._paused = False

    def do(self, action: Callable[[], T]) -> "Future[T]":
        """Have something done on the thread that watches, between two frames.

        Returns:
            Its result, or what it raised, when it is done.
        """
        future = self._requests.add(action)
        self._news.set()
        return future

    def reload(self) -> "Future[list[str]]":
        """Read the settings again, and go by them; what did not change goes on as it was.

        Returns:
            When it is done, the names of what has changed, e.g. ["cameras.yard", "decision"]; or a
            MaskGateError that says what is wrong, and the old settings are still in force.
        """
        return self.do(self._reload)

    def hang_up(self) -> None:
        """The same for a signal handler, which must not wait for a lock."""
        self._hung_up = True

    @property
    def update_failure(self) -> Failure | None:
        """The last update that was taken back by itself, until a later one has proved itself."""
        return self._probation.failure

    @property
    def people(self) -> People:
        """How many persons there were, on all cameras; each counted once, when they have left."""
        return reduce(add, (line.chain.people for line in self.lines), self._left)

    # For the thread that watches

    def __enter__(self) -> "Watch":
        """Open the cameras, the outbox and the way to the broker.

        Raises:
            MaskGateError: none of the cameras is more than a wrong setting, or the outbox or a
                file for the broker cannot be used.
        """
        try:
            self._open()
        except BaseException as error:
            self._stop_lines()
            self._probation.close(error)
            raise
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _at: object) -> None:
        self._stop_lines()
        self._probation.close(error)
        self.dispatch.close()
        self._requests.cancel()

    def run(self, end: End) -> None:
        """Watch until every source has ended or it is time to end.

        Raises:
            MaskGateError: no source is left, and one of them for a failure; or an observer cannot
                go on.
        """
        while (left := end.left(POLL)) and not all(line.over for line in self.lines):
            self._news.clear()
            self._do_what_waits()
            self._tend()
            if not self._look_at_each():
                self._news.wait(left)
            self._onlookers.tell(lambda observer: observer.went_round())
        failures = [line.failure for line in self.lines if line.failure is not None]
        if failures and all(line.over for line in self.lines):
            raise failures[0]

    def apply(self, settings: Settings) -> list[str]:
        """Go by other settings from now on.

        Returns:
            The names of what has changed.

        Raises:
            MaskGateError: they cannot be used; the old ones are still in force.
        """
        # An update is a change, too, though the settings name the same bundle as before.
        running, wanted = self._probation.running, with_updates(settings)
        names = changed(running, wanted)
        if self._once and names:
            raise MaskGateError("with --once the settings stay as they are")
        nets = self._nets
        if need_other_nets(running, wanted):
            nets = self._probation.open_nets(settings)
        require_some_label(settings.decision, nets.judging)
        if any(name in Dispatch.SECTIONS for name in names):
            self._dispatch_anew(settings)
        self._nets, self.settings = nets, settings
        self.shedder.adopt(settings.health)
        self._change_lines()
        self._onlookers.tell(lambda observer: observer.adopted(settings))
        return names

    def finish(self) -> None:
        """Read no more frames, and take leave of everyone in sight."""
        self._stop_lines()
        for line in self.lines:
            self._send(line.chain.finish())

    def _open(self) -> None:
        for line in self.lines:
            if self._once:
                line.begin()
        self._tend()
        for line in self.lines:
            line.wait_opened()
        refused = [line.failure for line in self.lines if line.failure is not None]
        if len(refused) == len(self.lines):
            raise MaskGateError("\n".join(map(str, refused))) from refused[0]
        self.dispatch = Dispatch(self.settings, self._say, self._attach)

    def _attach(self, publisher: Publisher, settings: Settings) -> None:
        for attach in self._speakers:
            attach(publisher, settings)

    def _new_line(self, name: str) -> Line:
        return Line(name, self._nets, self.settings, once=self._once, on_news=self._news.set)

    def _look_at_each(self) -> bool:
        """Process the newest frame of each camera; whether there was one."""
        looked = False
        for line in self.lines:
            frame = line.newest()
            if frame is not None:
                looked = True
                if self._once or self.shedder.wants(line.name, frame.monotonic, time.monotonic()):
                    self._process(line, frame)
        return looked

    def _process(self, line: Line, frame: Frame) -> None:
        outcome = line.chain.process(frame)
        self._probation.frame_done()
        self._send(outcome.alerts)
        self._onlookers.tell(lambda observer: observer.saw(line.name, frame, outcome))

    def _tend(self) -> None:
        """Close and open cameras as the pause asks for."""
        for line in self.lines:
            self._send(line.tend(paused=self._paused))

    def _do_what_waits(self) -> None:
        if self._hung_up:
            self._hung_up = False
            with suppress(MaskGateError):  # it is logged
                self._reload()
        self._requests.serve()
        if self._broken is not None:
            raise self._broken

    def _reload(self) -> list[str]:
        self._onlookers.tell(lambda observer: observer.reloading())
        try:
            if self._reread is None:
                raise MaskGateError("these settings come from no file")
            names = self.apply(self._reread())
        except MaskGateError as error:
            log.error("the settings stay as they were: %s", error)
            raise
        log.info("settings read again, changed: %s", ", ".join(names) or "nothing")
        return names

    def _dispatch_anew(self, settings: Settings) -> None:
        self.dispatch.close()
        try:
            self.dispatch = Dispatch(settings, self._say, self._attach)
        except MaskGateError:
            try:
                self.dispatch = Dispatch(self.settings, self._say, self._attach)
            except MaskGateError as error:
                self._broken = error  # Alerts have nowhere to go: the watch ends.
            raise

    def _change_lines(self) -> None:
        lines = {line.name: line for line in self.lines}
        for name, line in lines.items():
            if name in self.settings.cameras:
                self._send(line.adopt(self._nets, self.settings))
            else:
                self._send(line.leave())
                self._left += line.chain.people
        # One at a stroke, for other threads read it.
        self.lines = [lines.get(name) or self._new_line(name) for name in self.settings.cameras]

    def _send(self, alerts: Sequence[Alert]) -> None:
        if alerts:
            self.dispatch.send(alerts)
            self._onlookers.tell(lambda observer: observer.told(alerts))

    def _stop_lines(self) -> None:
        for line in self.lines:
            line.stop()
