"""Two hundred devices alert, a node of their broker is killed: what becomes of the alerts?

`make fleet-test` runs it.
"""

import itertools
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from signal import SIGKILL, SIGSTOP

import click

from edge.ending import tidied_on_sigterm
from tests.fleet.addresses import balanced, named
from tests.fleet.clusters import NODES, nats_cluster, rabbitmq_cluster
from tests.fleet.devices import Devices
from tests.fleet.subscriber import Subscriber
from tests.waiting import wait_until

CLUSTERS = {"nats": nats_cluster, "rabbitmq": rabbitmq_cluster}
WAYS = {"haproxy": balanced, "names": named}
HARMS = {"killed": SIGKILL, "hangs": SIGSTOP}
CALM_SECONDS = 5.0
"""Alerts flow for so long before the node is killed."""
DELIVERY_SECONDS = 180.0
"""Whatever waits has gone out by then, or never does."""


@dataclass
class Result:
    """What became of the alerts; times in seconds."""

    published: int
    """Alerts that were in an outbox."""
    received: int
    """Alerts that the subscriber got, each counted once."""
    repeats: int
    lost: int
    undelivered: int
    """Alerts that still waited in an outbox at the end."""
    cut_off: int
    """Most devices that were without a broker at once."""
    subscriber_cut_off: int
    """How often the subscriber lost its broker."""
    without_service: float
    """From the kill until all devices had a broker again."""
    longest_gap: float
    """In which the subscriber heard nothing, after the kill."""
    usual_gap: float
    """The same before the kill."""
    longest_wait: float
    """Of an alert, from the outbox to the subscriber."""
    seconds: float
    """All of it, with the cluster's start."""

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost."""
        return not (self.lost or self.undelivered)


@dataclass(frozen=True)
class Trial:
    """What is tried."""

    broker: str = "nats"
    by: str = "haproxy"
    node: int | None = None
    """Which of the three is harmed; the one that the subscriber is at when None."""
    node_is: str = "killed"
    devices: int = 200
    rate: float = 100.0
    """Alerts a second, of all devices together."""
    seconds: float = 30.0
    """For which alerts flow."""


def run_trial(trial: Trial, folder: Path, say: Callable[[str], object]) -> Result:
    """Start a cluster and devices, harm the subscriber's node, and compare.

    Args:
        trial: what is tried.
        folder: an empty one.
        say: called with each step, for somebody who waits.
    """
    began = time.monotonic()
    say(f"starting three nodes of {trial.broker}")
    with CLUSTERS[trial.broker](folder) as cluster, WAYS[trial.by](cluster, folder) as address:
        say(f"connecting a subscriber and {trial.devices} devices")
        subscriber, devices = Subscriber(address.url), Devices(trial.devices, address.url, folder)
        try:
            devices.connect()
            wait_until(lambda: devices.connected == trial.devices, 60)
            node = address.node_of(subscriber.connection) if trial.node is None else trial.node
            harm = partial(cluster.harm, node, HARMS[trial.node_is])
            harmed, cut_off, served = _alert_and_harm(trial, devices, harm, say)
            say("waiting for what is under way")
            _wait(lambda: not devices.waiting, DELIVERY_SECONDS)
            undelivered = devices.waiting
            known = devices.added.keys()
            _wait(lambda: known <= {number for _, number in subscriber.heard}, DELIVERY_SECONDS / 3)
            time.sleep(2)  # for repeats
            disconnects = subscriber.disconnects
        finally:
            devices.stop()
            subscriber.close()
    first: dict[int, float] = {}
    for moment, number in subscriber.heard:
        first.setdefault(number, moment)
    moments = sorted(first.values())
    return Result(
        published=len(devices.added),
        received=len(first),
        repeats=len(subscriber.heard) - len(first),
        lost=len(devices.added.keys() - first.keys()),
        undelivered=undelivered,
        cut_off=cut_off,
        subscriber_cut_off=disconnects,
        without_service=served - harmed,
        longest_gap=_gap([moment for moment in moments if moment > harmed - 1]),
        usual_gap=_gap([moment for moment in moments if moment < harmed]),
        longest_wait=max(first[n] - added for n, added in devices.added.items() if n in first),
        seconds=time.monotonic() - began,
    )


def _alert_and_harm(
    trial: Trial, devices: Devices, harm: Callable[[], object], say: Callable[[str], object]
) -> tuple[float, int, float]:
    """Returns when the node was harmed, how many were cut off, when all were served again."""
    say(f"{trial.rate:g} alerts a second")
    devices.alert(trial.rate)
    time.sleep(CALM_SECONDS)
    harm()
    harmed = served = time.monotonic()
    say(f"a node {'is ' * (trial.node_is == 'killed')}{trial.node_is}")
    cut_off = 0
    while (now := time.monotonic()) < harmed + trial.seconds - CALM_SECONDS:
        away = trial.devices - devices.connected
        cut_off = max(cut_off, away)
        served = now if away else served
        time.sleep(0.05)
    devices.be_silent()
    return harmed, cut_off, served


def _gap(moments: list[float]) -> float:
    return max((after - before for before, after in itertools.pairwise(moments)), default=0.0)


def _wait(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)


@click.command()
@click.option("--broker", type=click.Choice([*CLUSTERS]), default="nats", show_default=True)
@click.option("--by", type=click.Choice([*WAYS]), default="haproxy", show_default=True)
@click.option("--node", type=click.IntRange(0, NODES - 1), help="Default: the subscriber's.")
@click.option("--node-is", type=click.Choice([*HARMS]), default="killed", show_default=True)
@click.option("--devices", default=200, show_default=True)
@click.option("--rate", default=100.0, show_default=True, help="Alerts a second, of all devices.")
@click.option("--seconds", default=30.0, show_default=True, help="For which alerts flow.")
def main(**chosen: object) -> None:
    """Let devices alert, kill a node of their broker, and say what became of the alerts."""
    # What 200 devices have to say of a lost broker would hide the rest.
    logging.getLogger("edge").setLevel(logging.CRITICAL)
    with tidied_on_sigterm(), tempfile.TemporaryDirectory() as folder:
        result = run_trial(
            Trial(**chosen),  # type: ignore[arg-type]
            Path(folder),
            lambda step: click.echo(f"{step} …", file=sys.stderr),
        )
    for name, value in asdict(result).items():
        click.echo(f"{name.replace('_', ' '):18} {value:.1f}".removesuffix(".0"))
    if not result.is_good:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
