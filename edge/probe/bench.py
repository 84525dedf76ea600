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
from edge.probe.measure import holds, jobs, rounds
from edge.probe.task import Task, classifier_task, detector_task
from edge.probe.workload import Piece
from edge.runtime.accelerator import Accelerator
from edge.runtime.interpreter import runtime_name
from edge.runtime.trial import TrialError, try_models
from edge.show.table import table_lines

REPEATS, BUDGET, LIMIT = 60, 6.0, 120.0
"""Timed rounds, seconds after which no more of them are begun, and seconds for a process."""
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
    work = _task(bundle, settings).work()
    forms = [form for form in get_args(Form) if holds(bundle, form)]
    timed: list[Timed] = []
    label = f"timing {bundle.manifest.name}"
    with click.progressbar(threads, label=label, file=sys.stderr) as progress:
        for count in progress:
            try:
                timed += _time(bundle, work, forms, count)
            except TrialError:
                # One of them does not run; which one is seen when each has its own process.
                for form in forms:
                    timed += _time_alone(bundle, work, form, count)
    return sorted(timed, key=lambda one: forms.index(one.form))


def _time(
    bundle: Bundle, work: Sequence[Piece], forms: Sequence[Form], threads: int
) -> list[Timed]:
    """Time forms in turns, so that what else the device does weighs on all of them alike."""
    ordered = [job for form in forms for job in jobs(bundle, work, form)]
    trials = try_models(
        ordered, Accelerator("cpu", threads), repeats=REPEATS, limit=LIMIT, budget=BUDGET
    )
    timed = []
    for number, form in enumerate(forms):
        own = trials[number * len(work) : (number + 1) * len(work)]
        low, middle, high = np.percentile(rounds(work, own) * 1000, (25, 50, 75)).tolist()
        timed.append(Timed(form, _size(bundle, form), threads, (low, middle, high)))
    return timed


def _time_alone(bundle: Bundle, work: Sequence[Piece], form: Form, threads: int) -> list[Timed]:
    try:
        return _time(bundle, work, [form], threads)
    except TrialError as error:
        return [Timed(form, _size(bundle, form), threads, fault=str(error))]


def _size(bundle: Bundle, form: Form) -> int:
    return sum(file.size for file in bundle.manifest.files if file.form == form)


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
