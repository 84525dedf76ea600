"""Settings of a small camera; which tasks were measured."""

from pathlib import Path

import pytest

from edge.config import Outbox, Settings
from edge.probe import choose as choosing
from edge.probe.measure import Measured
from edge.probe.task import Task
from edge.runtime.processor import Way
from tests.probe.tasks import SMALL


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cameras={"entrance": SMALL}, outbox=Outbox(path=tmp_path / "outbox.sqlite"))


@pytest.fixture
def measurements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which tasks were measured."""
    seen: list[str] = []
    real = choosing.measure

    def measure(task: Task, ways: list[Way]) -> list[Measured]:
        seen.append(task.name)
        return real(task, ways)

    monkeypatch.setattr(choosing, "measure", measure)
    return seen
