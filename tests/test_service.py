"""A whole `maskgate run` as a service: what systemd would see of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.services import ServiceManager
from tests.waiting import free_port, wait_until

HANG = """
import pathlib, time
import edge.chain
search = edge.chain.search
def stuck(*words):
    while pathlib.Path({flag!r}).exists():
        time.sleep(0.05)
    return search(*words)
edge.chain.search = stuck
"""
RUN = "from edge.cli import main; main()"
FILE = "maskgate.toml"
OPERATOR = Path(__file__).parent.parent / "docs" / "operator.md"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    made = ServiceManager(tmp_path)
    yield made
    made.close()


@pytest.fixture
def start(
    tmp_path: Path, manager: ServiceManager
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `maskgate run` as systemd would, with a watchdog of four seconds."""
    started: list[subprocess.Popen[str]] = []

    def begin(settings: str = "", before: str = "") -> subprocess.Popen[str]:
        (tmp_path / FILE).write_text(
            f"[broker]\nurl = 'mqtt://127.0.0.1:{free_port()}'\n"
            f"[outbox]\npath = '{tmp_path / 'outbox'}'\n{settings}"
        )
        environment = {
            **os.environ,
            **manager.environment(watchdog=4),
            "RUNTIME_DIRECTORY": str(tmp_path),
            "MASKGATE_DETECTOR__ACCELERATOR": "cpu",
            "MASKGATE_CLASSIFIER__ACCELERATOR": "cpu",
        }
        process = subprocess.Popen(
            [sys.executable, "-c", before + RUN, "run", "--config", str(tmp_path / FILE)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def test_a_service_is_ready_alive_and_stopping(
    start: Callable[..., subprocess.Popen[str]], manager: ServiceManager, tmp_path: Path
) -> None:
    process = start()
    wait_until(lambda: manager.count("READY=1") == 1, 30)
    assert (tmp_path / "early-ends").exists()
    wait_until(lambda: manager.count("WATCHDOG=1") >= 2)
    wait_until(lambda: manager.count("frames/s") >= 1)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert manager.said[-1] == "STOPPING=1"
    assert not (tmp_path / "early-ends").exists()


def test_a_net_that_hangs_ends_the_signs_of_life_though_the_process_lives(
    start: Callable[..., subprocess.Popen[str]], manager: ServiceManager, tmp_path: Path
) -> None:
    flag = tmp_path / "hang"
    process = start(before=HANG.format(flag=str(flag)))
    wait_until(lambda: manager.count("WATCHDOG=1") >= 2, 30)
    flag.touch()
    wait_until(lambda: _silent_for(manager, 3.0), 20)
    assert process.poll() is None
    # systemd would abort it now; it says where it hung.
    process.send_signal(signal.SIGABRT)
    _, said = process.communicate(timeout=10)
    assert process.returncode == -signal.SIGABRT
    assert "in stuck" in said


def test_a_service_whose_cameras_are_all_away_is_not_restarted_for_it(
    start: Callable[..., subprocess.Popen[str]], manager: ServiceManager
) -> None:
    start(f"[cameras.door]\nsource = 'rtsp://127.0.0.1:{free_port()}/'\n")
    wait_until(lambda: manager.count("WATCHDOG=1") >= 5, 30)
    wait_until(lambda: manager.count("camera door away") >= 1, 20)


def test_prometheus_finds_the_metrics_that_the_manual_names(
    start: Callable[..., subprocess.Popen[str]], manager: ServiceManager
) -> None:
    port = free_port()
    start(f"[health]\nmetrics_port = {port}\n")
    wait_until(lambda: manager.count("WATCHDOG=1") >= 1, 30)
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }
    assert samples["maskgate_frames_processed_total", "entrance"] > 0
    assert samples["maskgate_camera_state", "entrance", "delivering"] == 1
    assert samples["maskgate_broker_connected",] == 0
    assert samples["maskgate_memory_bytes",] > 10_000_000
    manual = OPERATOR.read_text()
    for family in families:
        for sample in family.samples:
            assert f"`{sample.name}`" in manual


def test_a_reload_is_told_to_systemd_and_moves_the_metrics(
    start: Callable[..., subprocess.Popen[str]], manager: ServiceManager, tmp_path: Path
) -> None:
    before, after = free_port(), free_port()
    process = start(f"[health]\nmetrics_port = {before}\n")
    wait_until(lambda: manager.count("WATCHDOG=1") >= 1, 30)
    file = tmp_path / FILE
    file.write_text(file.read_text().replace(str(before), str(after)))
    process.send_signal(signal.SIGHUP)
    wait_until(lambda: manager.count("READY=1") == 2)
    words = [said.split("\n")[0] for said in manager.said]
    assert words.count("RELOADING=1") == 1
    assert words.index("RELOADING=1") < len(words) - 1 - words[::-1].index("READY=1")
    with urlopen(f"http://127.0.0.1:{after}/metrics", timeout=10) as answer:
        assert b"maskgate_info" in answer.read()
    with pytest.raises(OSError, match="refused"):
        urlopen(f"http://127.0.0.1:{before}/metrics", timeout=10)


def test_a_metrics_port_that_is_taken_is_an_error_that_says_so(
    start: Callable[..., subprocess.Popen[str]], manager: ServiceManager
) -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        process = start(f"[health]\nmetrics_port = {other.getsockname()[1]}\n")
        _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "health.metrics_port" in said
    assert "Traceback" not in said
    assert manager.count("READY=1") == 0


def _silent_for(manager: ServiceManager, seconds: float) -> bool:
    """Whether no sign of life comes for so long."""
    before = manager.count("WATCHDOG=1")
    try:
        wait_until(lambda: manager.count("WATCHDOG=1") > before, seconds)
    except AssertionError:
        return True
    return False
