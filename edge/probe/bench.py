"""`maskgate bench`: every form of a bundle, with more and more threads of the CPU."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import click
import numpy as np

from edge.bundle import Bundle, Form
from edge.config import Settings
from edge.probe.hardware import cores, describe_hardware
from edge.probe.measure import Measuring, holds
from edge.probe.task import Task, classifier_task, detector_task
from edge.runtime.accelerator import Accelerator
from edge.runtime.interpreter import runtime_name
from edge.runtime.processor import Way
from edge.runtime.trial import TrialError
from edge.show.table import table_lines

REPEATS, BUDGET = 60, 3.0
"""Timed rounds, and seconds after which no more of them are begun."""
THREADS = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Timed:
    """A form with so many threads."""

    form: Form
    bytes: int
    threads: int
    milliseconds: tuple[float, float, float] | None = None
    """Quartiles: a quarter, half and three quarters of the rounds took no longer."""
    fault: str | None = None


def usual_threads() -> tuple[int, ...]:
    """As many threads as this device has cores for."""
    return tuple(count for count in THREADS if count <= cores())


def bench(bundle: Bundle, settings: Settings, threads: Sequence[int]) -> list[Timed]:
    """Time every form of a bundle, and show the progress.

    Args:
        bundle: the detector's or the classifier's.
        settings: the camera's frame and how the detector looks at it.
        threads: how many, one after the other.
    """
    task = _task(bundle, settings)
    measuring = Measuring(
        bundle, task.work(), task.tolerance, task.form, repeats=REPEATS, budget=BUDGET
    )
    forms = [form for form in get_args(Form) if holds(bundle, form)]
    wanted = [(form, count) for form in forms for count in threads]
    timed = []
    label = f"timing {bundle.manifest.name}"
    with click.progressbar(wanted, label=label, file=sys.stderr) as progress:
        for form, count in progress:
            size = sum(file.size for file in bundle.manifest.files if file.form == form)
            try:
                rounds = measuring.rounds(Way(Accelerator("cpu", count), form)) * 1000
            except TrialError as error:
                timed.append(Timed(form, size, count, fault=str(error)))
            else:
                low, middle, high = map(float, np.percentile(rounds, (25, 50, 75)))
                timed.append(Timed(form, size, count, (low, middle, high)))
    return timed


def print_timed(bundle: Bundle, settings: Settings, timed: Sequence[Timed]) -> None:
    """Print the table for a person."""
    manifest, load = bundle.manifest, _task(bundle, settings).load
    shown = f"a frame of {load['width']:g}x{load['height']:g}" if load else "a face"
    click.echo(click.style(f"{manifest.name} {manifest.version}", bold=True), nl=False)
    click.echo(f"  inside the nets for {shown}")
    float32 = {one.threads: one.milliseconds for one in timed if one.form == "float32"}
    rows = []
    for one in timed:
        own, other = one.milliseconds, float32.get(one.threads)
        spread = f"{own[0]:.2f} to {own[2]:.2f}" if own else "fails"
        speed_up = other[1] / own[1] if own and other else None
        kilobytes = round(one.bytes / 1000)
        rows.append((one.form, kilobytes, one.threads, own and own[1], speed_up, spread))
    head = ("form", "KB", "threads", "ms", "x float32", "half of the rounds")
    for line in table_lines(head, rows):
        click.echo(line)
    for one in timed:
        if one.fault:
            click.echo(f"{one.form}: {one.fault}")
    click.echo()


def print_place() -> None:
    """Say where it was measured."""
    hardware = describe_hardware(())
    parts = filter(None, (hardware["board"], hardware["cpu"], f"{hardware['cores']} cores"))
    click.echo(f"{runtime_name()} on {', '.join(parts)}")


def _task(bundle: Bundle, settings: Settings) -> Task:
    if bundle.manifest.task == "face-detection":
        return detector_task(bundle, settings)
    return classifier_task(bundle, settings)
