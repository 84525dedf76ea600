"""`maskgate probe`: measures everything anew, remembers it, and shows the table."""

import json
from dataclasses import asdict, dataclass
from typing import Any

import click

from edge.alerting.outbox import state_folder
from edge.config import Settings
from edge.finder import detector_bundle
from edge.probe.choose import measure
from edge.probe.hardware import describe_hardware, find_delegates
from edge.probe.measure import Measured, verdict
from edge.probe.memory import Entry, Memory
from edge.probe.task import Task, classifier_task, detector_task
from edge.runtime.interpreter import runtime_name
from edge.show.table import table_lines
from edge.trust.gate import load_trusted


@dataclass(frozen=True, slots=True)
class Probed:
    """What became of the detector or the classifier."""

    task: Task
    measured: list[Measured]
    chosen: Measured
    before: Entry | None
    """What was remembered until now."""


def probe(settings: Settings) -> list[Probed]:
    """Measure the detector and the classifier in every way that this device has.

    Raises:
        MaskGateError: a bundle is missing, damaged, not trusted or made for another task.
    """
    nets = detector_bundle(settings)
    judging = load_trusted(settings.classifier.bundle, settings)
    tasks = [detector_task(nets, settings)] if nets else []
    tasks.append(classifier_task(judging, settings))
    memory = Memory(state_folder(settings.outbox))
    found = []
    for task in tasks:
        key, asked = task.key(), task.ways()
        before = memory.find(key)
        measured = measure(task, task.ways(every=True))
        if measured[0].fault is None:  # as in `choose`
            memory.keep(key, [one for one in measured if one.way in asked])
        found.append(Probed(task, measured, task.choose(measured), before))
    return found


def print_probed(found: list[Probed], settings: Settings) -> None:
    """Print the tables for a person."""
    for one in found:
        manifest, load = one.task.bundle.manifest, one.task.load
        shown = f"a frame of {load['width']:g}x{load['height']:g}" if load else "a face"
        click.echo(click.style(f"{one.task.name}", bold=True), nl=False)
        click.echo(f"  {manifest.name} {manifest.version}, inside the nets for {shown}")
        head = ("runs on", "form", "ms", "speed-up", "difference", "verdict")
        for line in table_lines(head, [_row(one, row) for row in one.measured]):
            click.echo(line)
        for row in one.measured:
            if row.fault:
                click.echo(f"{row.way.accelerator}, {row.way.form}: {row.fault}")
        if one.task.wanted() is not None:
            click.echo(f'set: {one.task.name}.accelerator = "{one.task.accelerator}"')
        click.echo(f"measured now; {_before(one)}\n")
    if settings.detector.kind == "yunet":
        click.echo("detector  yunet, which OpenCV runs on the CPU\n")
    hardware = describe_hardware(find_delegates())
    parts = [hardware["board"], hardware["cpu"], f"{hardware['cores']} cores", *hardware["gpus"]]
    click.echo(f"on     {', '.join(filter(None, parts))}")
    click.echo(f"by     {runtime_name()}")
    memory = Memory(state_folder(settings.outbox))
    kept = all(_is_kept(one, memory) for one in found)
    click.echo(f"{'kept' if kept else 'not kept in':5}  {memory.path}")


def _is_kept(probed: Probed, memory: Memory) -> bool:
    entry = memory.find(probed.task.key())
    return entry is not None and all(one in probed.measured for one in entry.measured)


def print_json(found: list[Probed]) -> None:
    """Print them for a program: one JSON object."""
    shown: dict[str, Any] = {
        one.task.name: {
            "bundle": one.task.bundle.manifest.name,
            "version": one.task.bundle.manifest.version,
            "chosen": asdict(one.chosen.way),
            "measured": [
                {**asdict(row), "verdict": verdict(row, one.chosen)} for row in one.measured
            ],
        }
        for one in found
    }
    shown["runtime"] = runtime_name()
    shown["hardware"] = describe_hardware(find_delegates())
    click.echo(json.dumps(shown))


def _row(probed: Probed, one: Measured) -> tuple[object, ...]:
    first = probed.measured[0].seconds
    milliseconds = None if one.seconds is None else one.seconds * 1000
    speed_up = first / one.seconds if first and one.seconds else None
    difference = None if one.difference is None else f"{one.difference:.1g}"
    said = verdict(one, probed.chosen)
    return (str(one.way.accelerator), one.way.form, milliseconds, speed_up, difference, said)


def _before(probed: Probed) -> str:
    if probed.before is None:
        return "nothing was remembered before"
    way = probed.task.choose(probed.before.measured).way
    return f"remembered until now: {way.accelerator} ({way.form}), of {probed.before.time}"
