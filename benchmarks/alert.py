"""From a face being decided to the alert at a subscriber of a broker on this machine.

What lies between: the outbox, which has the alert on the disk before anything is sent, the
publisher, the broker. With the watch idle, and with frames that come as fast as they are done.
"""

import queue
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import click
import cv2
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.frames import HEIGHT, WIDTH, group
from benchmarks.table import print_table
from edge.alerting.alerts import Alert
from edge.chain import Chain
from edge.config import Broker, Classifier, Detector, Outbox, Settings
from edge.nets import OpenNets
from edge.values import Box, Frame
from edge.watch.dispatch import Dispatch

BAR = 50.0
"""Milliseconds, median."""
LONGEST = 10.0
"""Seconds that an alert may take, and the broker to start."""
PAUSE = 0.02
"""Seconds between one alert's arrival and the next."""


@click.command()
@click.option("--alerts", default=200, show_default=True, help="How many are timed each way.")
def main(alerts: int) -> None:
    """Time alerts, one after the other."""
    if shutil.which("mosquitto", path=_PATH) is None:
        click.echo("benchmarks.alert is left out: mosquitto is not installed", err=True)
        return
    cv2.setNumThreads(1)
    rows = []
    # Not in /tmp, which is often no disk.
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder, _broker() as url:
        settings = Settings(
            broker=Broker(url=url),
            detector=Detector(accelerator="cpu"),
            classifier=Classifier(accelerator="cpu"),
            outbox=Outbox(path=Path(folder) / "outbox"),
        )
        for what, busy in (("nothing else to do", False), ("frames as fast as they go", True)):
            timed = _measure(settings, alerts, busy=busy)
            taken = sorted(whole for whole, _ in timed)
            median, late = statistics.median(taken), taken[int(len(taken) * 0.95)]
            disk = statistics.median(stored for _, stored in timed)
            rows.append((what, 1000 * median, 1000 * disk, 1000 * late, 1000 * taken[-1], BAR))
    print_table(
        f"Decided to the alert at a local subscriber, {alerts} alerts, ms",
        ("meanwhile", "median", "of it the disk", "95 %", "longest", "bar"),
        rows,
    )


def _measure(settings: Settings, alerts: int, *, busy: bool) -> list[tuple[float, float]]:
    """Seconds that each alert took, and how many of them until it was on the disk."""
    arrivals: queue.Queue[tuple[bytes, float]] = queue.Queue()
    subscriber = _subscriber(settings, arrivals)
    dispatch = Dispatch(settings, lambda _: None, lambda *_: None)
    taken = []
    with _frames(settings) if busy else nullcontext():
        for _ in range(alerts):
            alert = _alert()
            start = time.perf_counter()
            dispatch.send([alert])
            stored = time.perf_counter() - start
            payload, arrived = arrivals.get(timeout=LONGEST)
            assert str(alert.violation).encode() in payload
            taken.append((arrived - start, stored))
            time.sleep(PAUSE)
    dispatch.close()
    subscriber.loop_stop()
    return taken


def _subscriber(settings: Settings, arrivals: "queue.Queue[tuple[bytes, float]]") -> Client:
    subscribed = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda one, *_: one.subscribe("maskgate/+/+/alert", 1)
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _client, _data, message: arrivals.put(
        (message.payload, time.perf_counter())
    )
    client.connect("127.0.0.1", int(str(settings.broker.url).rpartition(":")[2]))
    client.loop_start()
    if not subscribed.wait(LONGEST):
        raise SystemExit("benchmarks.alert: the broker does not answer")
    return client


@contextmanager
def _frames(settings: Settings) -> Iterator[None]:
    """Process frames of three faces on another thread, as long as the block takes."""
    chain, pixels, over = Chain(OpenNets(settings), settings), group(3), threading.Event()

    def go() -> None:
        number = 0
        while not over.is_set():
            chain.process(Frame(pixels, "entrance", number, number / 15, number / 15))
            number += 1

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _alert() -> Alert:
    now = time.time()
    return Alert(
        violation=uuid.uuid4(),
        state="closed",  # An opened one would have to be closed.
        label="face_no_mask",
        camera="entrance",
        first_seen=now - 1,
        last_seen=now,
        decided=now,
        votes=4,
        confidence=0.97,
        box=Box(100 / WIDTH, 100 / HEIGHT, 200 / WIDTH, 220 / HEIGHT),
        bundle="compact",
        bundle_version="3.0.0",
    )


_PATH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/sbin:/bin"


@contextmanager
def _broker() -> Iterator[str]:
    """A mosquitto on a free port of the loopback address; its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [str(shutil.which("mosquitto", path=_PATH)), "-p", str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + LONGEST
            while time.monotonic() < deadline:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield f"mqtt://127.0.0.1:{port}"
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
