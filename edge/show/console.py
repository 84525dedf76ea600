"""What a person, or a program, reads of a watch on standard output."""

import json
import logging
import os
import sys
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, TextIO

import click

from edge.alerting.alerts import Alert, in_words, to_cloudevent
from edge.chain import STAGES, Outcome
from edge.config import Device, Settings
from edge.people.decision import People
from edge.values import Frame
from edge.watch.observer import Observer

log = logging.getLogger(__name__)
_KEPT = 10_000
"""Frames whose times are kept for the summary; the newest ones."""


class Console(Observer):
    """Prints alerts as they come and a summary at the end."""

    def __init__(self, device: Device, *, as_json: bool) -> None:
        self._device = device
        self._as_json = as_json
        self._gone: list[TextIO] = []
        """Where printing failed: a pipe whose reader has gone, a file on a full disk."""
        self._frames = 0
        self._alerts: Counter[str] = Counter()
        self._seconds: dict[str, deque[float]] = {stage: deque(maxlen=_KEPT) for stage in STAGES}

    def say(self, line: str) -> None:
        """Tell the person something; not part of the output."""
        self._print(line, sys.stderr)

    def saw(self, camera: str, frame: Frame, outcome: Outcome) -> None:  # noqa: ARG002
        """Remember how long a frame took."""
        for stage, spent in outcome.seconds.items():
            self._seconds[stage].append(spent)
        self._frames += 1

    def adopted(self, settings: Settings) -> None:
        """Go by other settings."""
        self._device = settings.device

    def told(self, alerts: Sequence[Alert]) -> None:
        """Print alerts, one a line."""
        for alert in alerts:
            self._alerts[alert.state] += 1
            if self._as_json:
                event = to_cloudevent(alert, self._device, late=False)
                self._print(json.dumps(event), sys.stdout)
            else:
                self._print(_line(alert), sys.stdout)

    def summary(self, people: People, *, dropped: int, waiting: int) -> None:
        """Say what there was, when the watch is over.

        Args:
            people: how many there were.
            dropped: frames that were not processed.
            waiting: alerts that the broker does not have yet.
        """
        medians = {
            stage: round(1000 * median(times), 2) for stage, times in self._seconds.items() if times
        }
        found: dict[str, Any] = {
            "frames": self._frames,
            "frames_dropped": dropped,
            "people": people.seen,
            **people.by_label,
            "unsure": people.unsure,
            "alerts": self._alerts["opened"],
            "alerts_waiting": waiting,
            "median_ms": medians,
        }
        if self._as_json:
            self._print(json.dumps({"type": "org.maskgate.summary", "data": found}), sys.stdout)
            return
        labels = ", ".join(f"{count} {in_words(label)}" for label, count in people.by_label.items())
        self.say(
            f"{self._frames} frames ({dropped} dropped), {people.seen} people"
            f" ({labels or 'none judged'}, {people.unsure} unsure), "
            f"{self._alerts['opened']} alerts"
        )
        if medians:
            self.say(f"median ms: {', '.join(f'{stage} {ms}' for stage, ms in medians.items())}")
        if waiting:
            self.say(
                f"{waiting} messages wait in the outbox for the broker; the next run sends them"
            )

    def _print(self, line: str, stream: TextIO) -> None:
        """Print, unless nobody reads any more: that must not keep alerts from the broker."""
        if stream in self._gone:
            return
        try:
            click.echo(line, file=stream)
        except OSError as error:
            self._gone.append(stream)
            log.warning("nothing more is printed to %s (%s)", stream.name, error.strerror)
            # Python flushes what is left when it ends, and would complain once more.
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())


def _line(alert: Alert) -> str:
    moment = datetime.fromtimestamp(alert.decided).astimezone().strftime("%H:%M:%S")
    what = in_words(alert.label)
    if alert.state == "opened":
        text = click.style(f"ALERT {what}", fg="red", bold=True)
        text += f", {alert.confidence:.0%} sure of it after {alert.votes} votes"
    else:
        text = f"over: {what}"
    return f"{moment} {alert.camera}: {text} ({str(alert.violation)[:8]})"
