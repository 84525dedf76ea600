"""The device's process: memory, start, size, as a whole and from outside."""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import cv2

from benchmarks.frames import HEIGHT, WIDTH, group
from benchmarks.table import print_table

DEVICE = Path(".venv")
"""What `make run` installs."""
FRAMES = 1000
LONGEST = 120.0
"""Seconds that the process may take."""


@click.command()
@click.option("--starts", default=5, show_default=True, help="How often the start is timed.")
def main(starts: int) -> None:
    """Measure `maskgate run` as the device's own environment runs it."""
    command = DEVICE / "bin" / "maskgate"
    if not command.exists():
        raise SystemExit("benchmarks.device: no .venv; run 'make .venv/ready' first")
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "frames.mp4"
        _write_video(video)
        words = [str(command), "run", "--source", str(video), "--once", "--json"]
        words += ["--broker", "mqtt://127.0.0.1:9"]  # nobody listens there: alerts wait
        environment = {**os.environ, "XDG_STATE_HOME": folder}
        first = sorted(_until_first_alert(words, environment) for _ in range(starts))
        resident = _resident(words, environment)
    size = sum(
        file.stat().st_blocks * 512
        for file in DEVICE.rglob("*")
        if file.is_file() and not file.is_symlink()
    )
    print_table(
        "The device's process",
        ("what", "found", "bar"),
        [
            ("start to first decision, s, median", f"{first[len(first) // 2]:.2f}", "1.5"),
            (f"resident after {FRAMES} frames, MB", f"{resident / 1e6:.0f}", "150"),
            ("installed, MB", f"{size / 1e6:.0f}", "350"),
        ],
    )


def _write_video(path: Path) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 15, (WIDTH, HEIGHT))
    frame = cv2.cvtColor(group(3), cv2.COLOR_RGB2BGR)
    for _ in range(FRAMES):
        writer.write(frame)
    writer.release()


def _until_first_alert(words: list[str], environment: dict[str, str]) -> float:
    """Seconds from the start of the process to the first alert on its standard output."""
    start = time.perf_counter()
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        with _limit(process):
            process.stdout.readline()
        taken = time.perf_counter() - start
        process.kill()
    return taken


@contextmanager
def _limit(process: subprocess.Popen[Any]) -> Iterator[None]:
    """End a process that says nothing for too long; reading from it then ends, too."""
    timer = threading.Timer(LONGEST, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _resident(words: list[str], environment: dict[str, str]) -> int:
    """Bytes resident when all frames are done."""
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        # The violations are closed when the last frame is done; the process then waits for the
        # broker that is not there.
        with _limit(process):
            for line in process.stdout:
                if ".closed" in line:
                    break
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        process.kill()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
