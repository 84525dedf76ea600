"""An outbox that is opened as often as a test wants, and whose disk is tried at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.alerting import disk_trouble
from edge.alerting.outbox import Outbox
from edge.config import Outbox as OutboxSettings
from tests.outbox.alerts import Open


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.sqlite"


@pytest.fixture
def open_outbox(path: Path) -> Iterator[Open]:
    opened = []

    def open_it(max_alerts: int = 100_000) -> Outbox:
        outbox = Outbox(OutboxSettings(path=path, max_alerts=max_alerts))
        opened.append(outbox)
        return outbox

    yield open_it
    for outbox in opened:
        outbox.close()


@pytest.fixture(autouse=True)
def disk_tried_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_trouble, "RETRY_SECONDS", 0.0)
