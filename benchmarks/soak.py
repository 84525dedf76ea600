"""Does the device's memory stay as it is? Many frames through the real runtime, as fast as they go.

The runtime is that of `maskgate run`: a camera read on a thread of its own, the chain, the outbox,
a real mosquitto, the health and its metrics. The camera shows the demo's people and gives the next
frame as soon as one was processed; it breaks off now and then, and so does the broker. What is left
out is the process that reads a real camera.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
import cv2
import numpy as np
from prometheus_client import CollectorRegistry, generate_latest

from edge.alerting.alerts import Alert
from edge.chain import Outcome
from edge.config import Broker, Camera, Classifier, Decision, Detector, Device, Outbox, Settings
from edge.demo.source import Demo
from edge.ending import End
from edge.errors import MaskGateError
from edge.health.health import to_message
from edge.health.memory import resident
from edge.health.metrics import HealthCollector
from edge.health.monitor import Monitor
from edge.values import Frame, Pixels
from edge.watch import line
from edge.watch.job import look_after
from edge.watch.observer import Observer
from edge.watch.running import Watch

FRAMES = 2_000_000
"""About what a camera gives in a day and a half, at 15 frames per second."""
LIMIT = 5_000_000
"""Bytes by which the memory may grow after the warm-up."""
WARM_UP_SHARE, LONGEST_WARM_UP = 0.25, 50_000
"""Share of the frames, and frames at most, that do not count."""
SIZE = (320, 240)
"""Of a frame, half the demo's: its people, near the camera, are found at the default size still."""
MOST_BETWEEN_SAMPLES, LEAST_SAMPLES = 500, 100
"""Frames from one look at the memory to the next, and looks there are at least."""
CAMERA_FRAMES = 5_000
"""Frames after which the camera breaks off, or a quarter of all."""
BROKER_FRAMES = 3_000
"""Frames after which the broker goes, or a quarter of all; it is back after a third of that."""
PROGRESS_SECONDS = 5.0


@dataclass(frozen=True)
class Sample:
    """What the process took after so many frames."""

    frames: int
    memory: int
    """Bytes."""
    threads: int
    files: int
    """Open ones, sockets included."""


class SoakCamera:
    """Gives one frame for each that was processed, and breaks off after some."""

    interval = 0.0
    live = True
    broken = None
    skipped = 0

    def __init__(self, film: Sequence[Pixels], processed: threading.Semaphore, frames: int) -> None:
        self._film, self._processed, self._frames = film, processed, frames
        self._given = 0

    def read(self) -> Pixels | None:
        """The next frame, or None when it breaks off."""
        if self._given == self._frames:
            return None
        if self._given:
            # One that was skipped or replaced must not stop the film.
            self._processed.acquire(timeout=0.1)
        self._given += 1
        return self._film[self._given % len(self._film)]

    def close(self) -> None:
        """Nothing is held."""


class ComingAndGoing:
    """A mosquitto that can be stopped and started again on its port."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None:
            raise MaskGateError("mosquitto is not installed: apt install mosquitto")
        self._program = program
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it listens in a moment."""
        if self._process is None:
            self._process = subprocess.Popen(
                [self._program, "-c", str(self._config)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


class Soak(Observer):
    """Counts frames, takes samples, has the broker come and go, and ends the watch."""

    def __init__(self, frames: int, end: End, broker: ComingAndGoing) -> None:
        self.processed = threading.Semaphore(0)
        """Released for each frame that was processed."""
        self.samples: list[Sample] = []
        self.alerts = 0
        self._frames, self._end, self._broker = frames, end, broker
        self._between = max(1, min(MOST_BETWEEN_SAMPLES, frames // LEAST_SAMPLES))
        self._broker_frames = min(BROKER_FRAMES, frames // 4)
        self._count = 0
        self._began = self._shown = time.monotonic()

    def saw(self, camera: str, frame: Frame, outcome: Outcome) -> None:  # noqa: ARG002
        """Count a frame."""
        self._count += 1
        if self._count % self._between == 0:
            self.samples.append(sample(self._count))
            self._show_progress()
        if self._count % self._broker_frames == 0:
            self._broker.stop()
        elif self._count % self._broker_frames == self._broker_frames // 3:
            self._broker.start()
        if self._count >= self._frames:
            self._end.asked = True
        self.processed.release()

    def told(self, alerts: Sequence[Alert]) -> None:
        """Count alerts."""
        self.alerts += len(alerts)

    def _show_progress(self) -> None:
        now = time.monotonic()
        if now - self._shown < PROGRESS_SECONDS and self._count < self._frames:
            return
        self._shown = now
        rate = self._count / (now - self._began)
        newest = self.samples[-1]
        click.echo(
            f"{self._count:>9,} of {self._frames:,} frames, {rate:4.0f} a second, "
            f"{(self._frames - self._count) / rate / 60:4.0f} min left; "
            f"{newest.memory / 1e6:6.1f} MB, {newest.threads} threads, {newest.files} files, "
            f"{self.alerts} messages",
            err=True,
        )


def sample(frames: int) -> Sample:
    """What the process takes now."""
    files = sum(1 for _ in Path("/proc/self/fd").iterdir())
    return Sample(frames, resident(), threading.active_count(), files)


def film() -> list[Pixels]:
    """One loop of the demo, small."""
    demo = Demo(endless=False)
    frames = []
    while (pixels := demo.read()) is not None:
        frames.append(cv2.resize(pixels, SIZE, interpolation=cv2.INTER_AREA).astype(np.uint8))
    return frames


def soak(frames: int) -> list[Sample]:
    """Send so many frames through the runtime.

    Raises:
        MaskGateError: mosquitto is not installed, or the runtime gives up.
    """
    shown = film()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = ComingAndGoing(folder)
        broker.start()
        stack.callback(broker.stop)
        end = stack.enter_context(End(None))
        looking_on = Soak(frames, end, broker)
        # The seam at which a camera is opened; all behind it is the device's own.
        line.open_watched = (  # type: ignore[attr-defined]
            lambda *_: SoakCamera(shown, looking_on.processed, min(CAMERA_FRAMES, frames // 4))
        )
        watching = stack.enter_context(Watch(_settings(folder, broker.port), click.echo))
        monitor, _ = look_after(watching, stack)
        watching.observe(looking_on)
        watching.observe(Scraper(monitor))
        watching.run(end)
        watching.finish()
        if looking_on.samples and looking_on.samples[-1].frames < frames:
            click.echo("it was ended before its time", err=True)
        return looking_on.samples


class Scraper(Observer):
    """Asks for health and metrics once a second."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor, self._registry = monitor, CollectorRegistry()
        self._registry.register(HealthCollector(monitor.health))
        self._next = 0.0

    def went_round(self) -> None:
        """Ask, if it is time to."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            to_message(self._monitor.health(), Device())
            generate_latest(self._registry)


def growth(samples: Sequence[Sample]) -> int:
    """Bytes by which the memory has grown since the warm-up, by the medians of some samples."""
    last = samples[-1].frames
    warm_up = min(WARM_UP_SHARE * last, LONGEST_WARM_UP)
    counted = [sample.memory for sample in samples if sample.frames > warm_up]
    some = max(1, len(counted) // 20)
    return int(median(counted[-some:]) - median(counted[:some]))


def _settings(folder: Path, port: int) -> Settings:
    return Settings(
        cameras={"door": Camera(source="demo")},
        broker=Broker(url=f"mqtt://127.0.0.1:{port}"),
        detector=Detector(accelerator="cpu"),
        classifier=Classifier(accelerator="cpu"),
        # The people walk much faster than people do.
        decision=Decision(cooldown=0),
        outbox=Outbox(path=folder / "outbox"),
    )


@click.command()
@click.option("--frames", type=click.IntRange(1000), default=FRAMES)
def main(frames: int) -> None:
    """Send frames through the runtime, and fail if its memory grows."""
    began = time.monotonic()
    samples = soak(frames)
    taken = time.monotonic() - began
    grown = growth(samples)
    first, last = samples[0], samples[-1]
    click.echo(
        f"{last.frames:,} frames in {taken / 60:.1f} min, {last.frames / taken:.0f} a second: "
        f"memory {last.memory / 1e6:.1f} MB, {grown / 1e6:+.2f} MB since the warm-up "
        f"(at most {LIMIT / 1e6:g}); threads {first.threads} to {last.threads}, "
        f"open files {first.files} to {last.files}"
    )
    if grown > LIMIT or last.files > first.files + 5 or last.threads > first.threads + 2:
        sys.exit("failed: it grows")


if __name__ == "__main__":
    main()
