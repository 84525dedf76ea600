"""Chooses what the nets run on: what the settings ask for, or what was found to be fastest."""

import logging
import sys
from collections.abc import Sequence

import click

from edge.alerting.outbox import state_folder
from edge.config import Settings
from edge.errors import MaskGateError
from edge.probe.measure import Measured
from edge.probe.memory import Memory
from edge.probe.task import Task
from edge.runtime.processor import Processor, Way, on_cpu

UNPROVEN = "fails: the device ended while it was being opened"
"""Noted before an accelerator is opened and taken back after it has run: a driver may end the
process, and the next start must not walk into it again."""
log = logging.getLogger(__name__)


def choose(task: Task, settings: Settings, *, patient: bool = True) -> Processor:
    """Choose what the nets of a task run on.

    The first time this takes some seconds, for it is measured; then it is remembered, until the
    models, the runtime, the hardware or what the device is to do change.

    Args:
        task: the detector's or the classifier's.
        settings: where the state folder is.
        patient: whether "auto" may measure now; if not, it is the CPU where nothing is remembered.
    """
    wanted = task.wanted()
    if wanted is not None and wanted.kind == "cpu":
        return on_cpu(task.bundle, task.threads, task.form)
    memory = Memory(state_folder(settings.outbox))
    key = task.key()
    remembered = memory.find(key)
    if remembered is None and wanted is None and not patient:
        return on_cpu(task.bundle, task.threads, task.form)
    measured = remembered.measured if remembered else tuple(measure(task, task.ways()))
    # Where not even the first way could be tried, nothing was found out that is worth keeping.
    if not remembered and measured[0].fault is None:
        memory.keep(key, measured)
    chosen = task.choose(measured).way
    if wanted is not None and chosen.accelerator != wanted:
        faults = {one.fault: None for one in measured if one.way.accelerator == wanted}
        log.warning(
            '%s.accelerator: "%s" is not used (%s); going on with %s',
            task.name,
            task.accelerator,
            "; ".join(map(str, faults)),
            chosen.accelerator,
        )
    if chosen.accelerator.kind != "cpu":
        memory.note(key, chosen, UNPROVEN)
    on_the_cpu = [one for one in measured if one.way.accelerator.kind == "cpu"]
    return Processor(
        task.bundle,
        chosen,
        reserve=task.choose(on_the_cpu).way,
        report=lambda fault: memory.note(key, chosen, fault and f"failed later: {fault}"),
    )


def require_accelerator(task: Task) -> None:
    """Check that the accelerator that the settings ask for is there and runs the nets.

    Nothing is checked for "auto" and "cpu", and nothing is measured.

    Raises:
        MaskGateError: it is not there, or does not run the nets of this bundle in any form.
    """
    wanted = task.wanted()
    if wanted is None or wanted.kind == "cpu":
        return
    measuring = task.measuring(timed=False)
    tried = [measuring.measure(way) for way in task.ways() if way.accelerator == wanted]
    faults = {one.fault for one in tried}
    if None not in faults:
        raise MaskGateError(
            f"{task.name}.accelerator: expected something that runs {task.bundle.manifest.name}, "
            f'found "{task.accelerator}": {"; ".join(sorted(filter(None, faults)))}; '
            'set "auto" to take what is there'
        )


def measure(task: Task, ways: Sequence[Way]) -> list[Measured]:
    """Measure ways, and show the progress."""
    measuring = task.measuring()
    with click.progressbar(
        ways,
        label=f"measuring what the {task.name} runs fastest on",
        file=sys.stderr,
        item_show_func=lambda way: str(way.accelerator) if way else "",
    ) as progress:
        found: list[Measured] = []
        for way in progress:
            more = _more_threads_in_vain(way, found)
            found.append(Measured(way, fault=more) if more else measuring.measure(way))
        return found


def _more_threads_in_vain(way: Way, measured: Sequence[Measured]) -> str | None:
    """Say why a way on the CPU need not be tried, which saves a second or two."""
    timed = [(one.seconds, one.way) for one in measured if one.seconds is not None]
    if way.accelerator.kind != "cpu" or len(timed) < 2:
        return None
    (fewer, _), (more, most) = timed[-2:]
    if more < fewer:
        return None
    return f"not tried: {most.accelerator.threads} threads are no faster than fewer"
