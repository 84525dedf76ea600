"""What systemd is told: ready, alive, stopping; and that a crash loop is braked."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.chain import Outcome
from edge.health.brake import FREE, LONGEST_PAUSE, Brake, pause
from edge.health.systemd import Systemd
from edge.health.watchdog import Watchdog
from edge.sources.state import CameraState, Condition
from edge.values import Frame
from edge.vision.gate import Look
from tests.services import ServiceManager
from tests.waiting import wait_until

NO_FRAME = Frame(np.zeros((1, 1, 3), np.uint8), "door", 0, 0.0, 0.0)
NO_OUTCOME = Outcome([], [], {}, Look("off"))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    made = ServiceManager(tmp_path)
    yield made
    made.close()


def test_systemd_is_told_how_things_stand(manager: ServiceManager) -> None:
    systemd = Systemd(manager.environment())
    systemd.ready()
    systemd.status("15 frames/s\nREADY=0")
    systemd.reloading()
    systemd.stopping()
    wait_until(lambda: len(manager.said) == 4)
    assert manager.said[:2] == ["READY=1", "STATUS=15 frames/s READY=0"]
    assert manager.said[2].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert manager.said[3] == "STOPPING=1"


def test_while_settings_are_read_anew_the_watchdog_has_patience(manager: ServiceManager) -> None:
    systemd = Systemd(manager.environment(watchdog=60))
    systemd.reloading()
    systemd.ready()
    wait_until(lambda: len(manager.said) == 2)
    assert manager.said[0].endswith("\nWATCHDOG_USEC=300000000")
    assert manager.said[1] == "READY=1\nWATCHDOG_USEC=60000000"


def test_an_abstract_socket_is_spoken_to_as_well() -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0maskgate-test-{os.getpid()}")
        Systemd({"NOTIFY_SOCKET": f"@maskgate-test-{os.getpid()}"}).ready()
        listening.settimeout(5)
        assert listening.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": f"{os.getpid()}"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_on_where_systemd_asks_this_process(
    variables: dict[str, str], expected: float | None
) -> None:
    assert Systemd({"NOTIFY_SOCKET": "/run/x", **variables}).watchdog == expected
    assert Systemd(variables).watchdog is None


def test_without_systemd_nothing_is_said_and_nothing_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Systemd({}).ready()
    assert not caplog.records
    gone = Systemd({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    gone.ready()
    gone.alive()
    assert len(caplog.records) == 1


class Watched:
    """A watchdog that systemd gives 40 seconds, its clock, and how many signs of life it gave."""

    def __init__(self, manager: ServiceManager) -> None:
        self.clock = Clock()
        self.manager = manager
        self.systemd = Systemd(manager.environment(watchdog=40))
        self.conditions: dict[str, Condition] = {"door": "delivering", "gate": "delivering"}
        self.watchdog = Watchdog(self.systemd, self.states, self.clock)
        self.asked = 0

    def states(self) -> list[CameraState]:
        return [
            CameraState(name, condition, None, 0.0, 0, 0, 0)
            for name, condition in self.conditions.items()
        ]

    def signs(self) -> int:
        self.asked += 1
        self.systemd.status(f"asked {self.asked}")
        wait_until(lambda: self.manager.count(f"STATUS=asked {self.asked}") == 1)
        return self.manager.count("WATCHDOG=1")

    def run(self, seconds: int, *processed: str) -> None:
        """Go round once a second, with a frame of these cameras each time."""
        for _ in range(seconds):
            self.clock.now += 1
            for camera in processed:
                self.watchdog.saw(camera, NO_FRAME, NO_OUTCOME)
            self.watchdog.went_round()


@pytest.fixture
def watched(manager: ServiceManager) -> Watched:
    return Watched(manager)


def test_processed_frames_are_signs_of_life_in_moderation(watched: Watched) -> None:
    watched.run(400, "door", "gate")
    assert 35 <= watched.signs() <= 41


def test_a_camera_whose_frames_are_never_processed_ends_the_signs(watched: Watched) -> None:
    watched.run(100, "door", "gate")
    before = watched.signs()
    watched.run(120, "door")
    # Some come until the camera counts as stuck; in the 100 seconds after that systemd acts.
    assert watched.signs() - before <= 2


def test_a_loop_that_stands_still_gives_no_sign(watched: Watched) -> None:
    watched.run(50, "door", "gate")
    before = watched.signs()
    watched.clock.now += 1000
    assert watched.signs() == before


def test_after_a_hang_a_round_without_a_processed_frame_is_no_sign(watched: Watched) -> None:
    watched.run(50, "door", "gate")
    before = watched.signs()
    watched.clock.now += 1000
    watched.watchdog.went_round()
    assert watched.signs() == before


@pytest.mark.parametrize("condition", ["away", "resting", "paused", "ended", "failed"])
def test_a_camera_that_is_known_not_to_deliver_is_no_hang(
    watched: Watched, condition: Condition
) -> None:
    watched.conditions["gate"] = condition
    watched.run(1000, "door")
    assert watched.signs() >= 90
    before = watched.signs()
    watched.conditions["gate"] = "delivering"
    watched.run(15, "door")  # Back, its first frame is on its way.
    watched.run(100, "door", "gate")
    assert watched.signs() - before >= 10


def test_a_device_whose_only_camera_is_away_lives_on(watched: Watched) -> None:
    watched.conditions = {"door": "away"}
    watched.run(1000)
    assert watched.signs() >= 90


@pytest.mark.parametrize("early_ends", [*range(12), 10**6])
def test_pauses_grow_and_are_bounded(early_ends: int) -> None:
    assert pause(early_ends) <= pause(early_ends + 1) <= LONGEST_PAUSE
    assert (pause(early_ends) == 0) == (early_ends <= FREE)


def test_a_program_that_keeps_ending_early_waits_ever_longer(
    tmp_path: Path, manager: ServiceManager
) -> None:
    variables = {**manager.environment(), "RUNTIME_DIRECTORY": str(tmp_path)}
    waited: list[float] = []
    for _ in range(12):
        Brake(Systemd(variables), variables).wait(waited.append)
    assert waited == [2, 4, 8, 16, 32, 64, 128, 256, 300]
    wait_until(lambda: manager.count("EXTEND_TIMEOUT_USEC") == len(waited))
    assert manager.count("STATUS=11 starts in a row ended early; the next begins in 300 s") == 1


def test_a_good_run_or_an_asked_end_releases_the_brake(tmp_path: Path) -> None:
    variables = {"RUNTIME_DIRECTORY": str(tmp_path)}
    waited: list[float] = []
    for _ in range(6):
        Brake(Systemd({}), variables).wait(waited.append)
    assert waited
    waited.clear()
    Brake(Systemd({}), variables).release()
    for _ in range(FREE + 1):
        Brake(Systemd({}), variables).wait(waited.append)
    assert waited == []


@pytest.mark.parametrize("damage", ["", "many", "-3", "9" * 5000, "\x00\xff"])
def test_a_damaged_count_is_no_hindrance(tmp_path: Path, damage: str) -> None:
    (tmp_path / "early-ends").write_bytes(damage.encode("latin-1"))
    waited: list[float] = []
    Brake(Systemd({}), {"RUNTIME_DIRECTORY": str(tmp_path)}).wait(waited.append)
    assert waited == []


def test_who_ends_a_braked_start_gets_a_start_without_pause_next_time(tmp_path: Path) -> None:
    (tmp_path / "early-ends").write_text("9")
    variables = {"RUNTIME_DIRECTORY": str(tmp_path)}

    def asked_to_end(_seconds: float) -> None:
        raise SystemExit(143)

    with pytest.raises(SystemExit):
        Brake(Systemd({}), variables).wait(asked_to_end)
    Brake(Systemd({}), variables).wait(lambda _seconds: pytest.fail("it waits"))


def test_outside_a_service_nothing_is_counted_or_waited_for(tmp_path: Path) -> None:
    for _ in range(10):
        Brake(Systemd({}), {}).wait(lambda _seconds: pytest.fail("it waits"))
    Brake(Systemd({}), {"RUNTIME_DIRECTORY": str(tmp_path / "gone")}).wait(lambda _seconds: None)


def test_a_service_whose_settings_are_wrong_does_not_restart_in_a_tight_loop(
    tmp_path: Path,
) -> None:
    (tmp_path / "early-ends").write_text("3")
    (tmp_path / "wrong.toml").write_text("[detector]\nmin_faec = 3\n")
    code = (
        "import time; began = time.monotonic()\nfrom edge.cli import main\n"
        f"try: main(['run', '--config', {str(tmp_path / 'wrong.toml')!r}])\n"
        "finally: print(time.monotonic() - began)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "RUNTIME_DIRECTORY": str(tmp_path)},
    )  # fmt: skip
    assert "did you mean min_face" in done.stderr
    assert done.returncode == 2
    assert float(done.stdout) > 2
    assert (tmp_path / "early-ends").read_text() == "4"
