"""The main job: frames from a source, alerts to a broker, until the source or the time ends."""

import itertools
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import cv2

from edge.alerting.alerts import Alert
from edge.alerting.outbox import Outbox
from edge.chain import Chain, Outcome
from edge.config import Broker, Camera, Settings
from edge.ending import End
from edge.errors import MaskGateError
from edge.mqtt.embedded_broker import EmbeddedBroker
from edge.mqtt.publisher import Publisher
from edge.show.console import Console
from edge.show.drawing import annotate
from edge.show.recording import Recording
from edge.sources.capture import Capture, every_frame
from edge.sources.opening import open_source
from edge.sources.source import Source
from edge.values import Frame

DELIVERY_LIMIT = 30.0
"""Seconds that the end of a finite job waits for the broker to acknowledge what is left."""
PARTING_LIMIT = 2.0
"""Seconds that an interrupted job waits for it; what is left waits in the outbox."""
LONGEST_STILL = 1.0
"""Seconds of a recording that one frame may fill."""
POLL = 0.2
"""Longest wait for a frame, in seconds, before a look at whether it is time to end."""


def watch(
    settings: Settings,
    *,
    once: bool = False,
    seconds: float | None = None,
    save: Path | None = None,
    as_json: bool = False,
) -> None:
    """Watch the source until it ends, the time is up, or a signal asks to stop.

    Args:
        settings: all of them.
        once: process every frame as fast as it goes, and end when the broker has every alert.
        seconds: how long at most; None for as long as it takes.
        save: a video to record, with what was seen drawn in.
        as_json: print JSON lines.

    Raises:
        MaskGateError: something needed is missing or damaged, or, with `once`, the source broke off
            or the broker did not take the alerts; they stay in the outbox.
    """
    # OpenCV would take every core for pictures so small that handing out costs more.
    cv2.setNumThreads(settings.detector.threads or 1)
    # Before the seconds count: the first time, what is fastest is measured here.
    chain = Chain(settings)
    with ExitStack() as stack:
        end = stack.enter_context(End(seconds))
        console = Console(settings.device, as_json=as_json)
        frames = _Frames(settings.camera, stack, once=once)
        violations = settings.decision.violations
        recording = (
            stack.enter_context(Recording(save, frames.rate, settings.camera.source))
            if save
            else None
        )
        film = _Film(recording, frames.rate, violations) if recording else None
        outbox = stack.enter_context(closing(Outbox(settings.outbox)))
        broker = _broker(settings, stack, console)
        publisher = Publisher(broker, settings.device, outbox)
        publisher.start()
        stack.callback(publisher.stop, PARTING_LIMIT)
        for frame in frames.until(end):
            outcome = chain.process(frame)
            _send(outcome.alerts, outbox, publisher)
            console.show(outcome)
            if film:
                film.add(frame, outcome)
        frames.stop()
        patient = once and not end.asked
        parting = chain.finish()
        _send(parting, outbox, publisher)
        console.alerts(parting)
        delivered = publisher.wait_until_delivered(PARTING_LIMIT, lambda: end.asked and patient)
        if patient and not delivered and not publisher.state.refused:
            console.say(f"waiting up to {DELIVERY_LIMIT:g} s for broker {broker.url}")
            publisher.wait_until_delivered(DELIVERY_LIMIT, lambda: end.asked)
        console.summary(chain.people, dropped=frames.dropped, waiting=len(outbox))
        if patient and len(outbox):
            raise MaskGateError(
                f"broker {broker.url}: {len(outbox)} messages not acknowledged "
                f"({publisher.state.detail}); they wait in the outbox and go out with the next run"
            )
        if patient and frames.broken:
            raise MaskGateError(
                f"source {settings.camera.source}: {frames.broken}; what came before it was "
                "processed, copy it again from where it came"
            )


def _send(alerts: list[Alert], outbox: Outbox, publisher: Publisher) -> None:
    for alert in alerts:
        outbox.add(alert)
    if alerts:
        publisher.notify()


class _Film:
    """Records what was seen, at the speed at which it was seen."""

    def __init__(self, recording: Recording, rate: float, violations: Collection[str]) -> None:
        self._recording = recording
        self._rate = rate
        self._violations = violations
        self._last: float | None = None
        self._owed = 0.0
        """Frames of the film that the time so far asks for and that are not written yet."""

    def add(self, frame: Frame, outcome: Outcome) -> None:
        """Show a frame until the next: once, more often or not at all, as their times say."""
        elapsed = 1 / self._rate if self._last is None else frame.monotonic - self._last
        # A camera that was away leaves no hour of stills behind.
        self._owed += min(elapsed, LONGEST_STILL) * self._rate
        self._last = frame.monotonic
        drawn = annotate(frame.pixels, outcome.people, self._violations)
        while self._owed > 0.5:
            self._recording.write(drawn)
            self._owed -= 1


class _Frames:
    """All frames of a source as fast as it goes, or the newest ones as they come."""

    def __init__(self, camera: Camera, stack: ExitStack, *, once: bool) -> None:
        self._name = camera.name
        self.rate = camera.rate
        """Frames per second that a recording of them plays at."""
        self._source: Source | None = None
        self._capture: Capture | None = None
        if once:
            self._source = stack.enter_context(closing(open_source(camera, once=True)))
            self.rate = 1 / self._source.interval if self._source.interval else camera.rate
        else:
            self._capture = Capture(lambda: open_source(camera), camera.name)
            stack.callback(self._capture.stop)
            self._capture.start()

    @property
    def dropped(self) -> int:
        """Frames that a newer one replaced while another was being processed."""
        return self._capture.dropped if self._capture else 0

    @property
    def broken(self) -> str | None:
        """Why the source ended before its end, if it did; of every frame only."""
        return self._source.broken if self._source else None

    def stop(self) -> None:
        """Read no more frames."""
        if self._capture is not None:
            self._capture.stop()

    def until(self, end: End) -> Iterator[Frame]:
        """Give the frames until the source has ended, or it is time to stop."""
        if self._source is not None:
            yield from itertools.takewhile(
                lambda _: end.left(POLL), every_frame(self._source, self._name)
            )
        elif self._capture is not None:
            while (left := end.left(POLL)) and not self._capture.ended:
                newest = self._capture.newest(left)
                if newest is not None:
                    yield newest
            # What ended the capture may be a failure, and is raised here at the latest.
            self._capture.newest(0)


def _broker(settings: Settings, stack: ExitStack, console: Console) -> Broker:
    """Take the configured broker, or start the embedded one and say how to subscribe."""
    if settings.broker.url is not None:
        return settings.broker
    embedded = EmbeddedBroker()
    broker = embedded.start()
    stack.callback(embedded.stop)
    console.say(
        f"no broker is configured: one runs here, at {broker.url}. In another terminal:\n"
        f"    .venv/bin/maskgate subscribe --broker {broker.url}\n"
        f"    mosquitto_sub -v -L '{broker.url}/maskgate/#'"
    )
    return broker
