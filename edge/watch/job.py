"""The command `maskgate run`: watch until the sources or the time end, then bring alerts home."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from edge.commands.request import Update
from edge.config import Settings
from edge.ending import End, on_sighup
from edge.errors import MaskGateError
from edge.health.hardware import Hardware
from edge.health.health import to_message
from edge.health.metrics_port import MetricsPort
from edge.health.monitor import Monitor
from edge.health.service import Service
from edge.health.systemd import Systemd
from edge.health.watchdog import Watchdog
from edge.show.console import Console
from edge.show.recording import Recording
from edge.updates.update import update
from edge.view.showing import Showing
from edge.watch.conversation import Conversation, reload
from edge.watch.film import Film
from edge.watch.running import Watch

DELIVERY_LIMIT = 30.0
"""Seconds that the end of a finite job waits for the broker to acknowledge what is left."""
PARTING_LIMIT = 2.0
"""Seconds that an interrupted job waits for it; what is left waits in the outbox."""


def watch(
    settings: Settings,
    *,
    once: bool = False,
    seconds: float | None = None,
    save: Path | None = None,
    as_json: bool = False,
    reread: Callable[[], Settings] | None = None,
) -> None:
    """Watch the cameras until they end, the time is up, or a signal asks to stop.

    Args:
        settings: all of them.
        once: process every frame as fast as it goes, and end when the broker has every alert.
        seconds: how long at most; None for as long as it takes.
        save: a video to record, with what was seen drawn in; of one camera.
        as_json: print JSON lines.
        reread: reads the settings again, on SIGHUP.

    Raises:
        MaskGateError: something needed is missing or damaged, or, with `once`, a source broke off
            or the broker did not take the alerts; they stay in the outbox.
    """
    console = Console(settings.device, as_json=as_json)
    # Before the seconds count: the first time, what is fastest is measured here.
    watching = Watch(settings, console.say, once=once, reread=reread)
    conversation = Conversation(watching, {"update": partial(_update, watching)})
    for observer in (console, conversation):
        watching.observe(observer)
    watching.speak(conversation.attach)
    with ExitStack() as stack:
        end = stack.enter_context(End(seconds))
        stack.enter_context(on_sighup(watching.hang_up))
        # A name that cannot be is refused before anything is opened.
        recording = stack.enter_context(_recording(watching, save)) if save else None
        stack.enter_context(watching)
        stack.callback(conversation.close)
        monitor, service = look_after(watching, stack)

        def health() -> Mapping[str, Any]:
            return to_message(monitor.health(), watching.settings.device)

        conversation.tell_health(health)
        showing = Showing(watching, conversation.counts, console.say, health)
        stack.callback(showing.close)
        watching.observe(showing)
        if recording:
            _film(watching, recording)
        watching.run(end)
        service.ending(asked=end.asked)
        patient = once and not end.asked
        watching.finish()
        _deliver(watching, console, end, patient=patient)
        states = watching.states()
        console.summary(
            watching.people,
            dropped=sum(state.dropped for state in states),
            waiting=len(watching.dispatch.outbox),
        )
        if patient:
            _require_all(watching)


def _update(watching: Watch, request: Update) -> str:
    """Put another bundle in place of one that runs, as a command asks for."""
    done = str(update(request.url, watching.settings))
    reload(watching)
    return done


def look_after(watching: Watch, stack: ExitStack) -> tuple[Monitor, Service]:
    """Have the health of a watch seen to, from here until the stack is left.

    Args:
        watching: entered, not yet running.
        stack: holds what must be stopped.

    Returns:
        Who says how the device is doing, and who tells systemd.

    Raises:
        MaskGateError: the port of the metrics is taken.
    """
    systemd = Systemd()
    hardware = stack.enter_context(Hardware(watching.shedder))
    monitor = Monitor(watching, hardware)
    service = Service(systemd, monitor.health)
    port = MetricsPort(monitor.health, watching.settings.health.metrics_port)
    stack.callback(port.close)
    for observer in (monitor, Watchdog(systemd, watching.states), service, port):
        watching.observe(observer)
    return monitor, service


def _recording(watching: Watch, save: Path) -> Recording:
    if len(watching.lines) > 1:
        names = ", ".join(line.name for line in watching.lines)
        raise MaskGateError(
            f"recording {save}: expected one camera, found {names}; name one by --source"
        )
    [line] = watching.lines
    return Recording(save, line.rate, line.camera.source)


def _film(watching: Watch, recording: Recording) -> None:
    """Record what is seen, as fast as the source says now that it is open."""
    [line] = watching.lines
    recording.rate = line.rate
    watching.observe(Film(recording, line.rate, watching.settings.decision.violations))


def _deliver(watching: Watch, console: Console, end: End, *, patient: bool) -> None:
    """Wait for the broker to take what is left."""
    publisher = watching.dispatch.publisher
    delivered = publisher.wait_until_delivered(PARTING_LIMIT, lambda: end.asked and patient)
    if patient and not delivered and not publisher.state.refused:
        console.say(f"waiting up to {DELIVERY_LIMIT:g} s for broker {watching.dispatch.broker.url}")
        publisher.wait_until_delivered(DELIVERY_LIMIT, lambda: end.asked)


def _require_all(watching: Watch) -> None:
    """Check that every frame was seen and the broker has every alert."""
    dispatch = watching.dispatch
    if len(dispatch.outbox):
        raise MaskGateError(
            f"broker {dispatch.broker.url}: {len(dispatch.outbox)} messages not acknowledged "
            f"({dispatch.publisher.state.detail}); they wait in the outbox and go out with the "
            "next run"
        )
    for line in watching.lines:
        if line.broken:
            raise MaskGateError(
                f"source {line.camera.source}: {line.broken}; what came before it was processed, "
                "copy it again from where it came"
            )
