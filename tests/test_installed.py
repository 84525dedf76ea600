"""What was installed on a device, told once it runs."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from edge.config import Device
from edge.health.installed import INSTALLED, Installed
from edge.watch import conversation
from tests.brokers import Embedded, Mosquitto
from tests.person import Person
from tests.schemas import schema
from tests.waiting import wait_until
from tests.watches import settings, watching

NOTE: dict[str, Any] = {
    "schema": 1, "time": "2026-11-28T08:30:12Z", "outcome": "installed", "why": None,
    "payload": "3f9ac1270b5e", "version": "0.1.0", "profile": "pi5",
    "os": "Debian GNU/Linux 13 (trixie)", "python": "3.13.5", "machine": "aarch64",
    "board": "Raspberry Pi 5 Model B Rev 1.0", "seconds": 214.6,
}  # fmt: skip


def test_a_report_that_comes_while_the_device_runs_is_told_and_kept_by_the_broker(
    tmp_path: Path, broker: Mosquitto | Embedded, monkeypatch: pytest.MonkeyPatch
):
    if isinstance(broker, Embedded):
        pytest.skip("mosquitto is not installed, and the embedded broker speaks 3.1.1 only")
    monkeypatch.setattr(conversation, "INSTALLED_EVERY", 0.2)
    person = Person(broker.settings)
    with watching(settings(tmp_path, broker.settings, "demo")):
        wait_until(lambda: b"online" in person.on("status"), 20)
        assert person.on("report") == []
        (tmp_path / INSTALLED).write_text(json.dumps(NOTE))
        wait_until(lambda: bool(person.on("report")), 10)
        (tmp_path / "new").write_text(json.dumps({**NOTE, "outcome": "rolled back", "why": "no"}))
        (tmp_path / "new").replace(tmp_path / INSTALLED)
        wait_until(lambda: len(person.on("report")) == 2, 10)
    first, second = person.on("report")
    person.close()
    late = Person(broker.settings)
    wait_until(lambda: late.on("report") == [second], 10)
    late.close()
    assert first == {"site": "hq", "device": "north-door"} | {
        key: value for key, value in NOTE.items() if key != "schema"
    }
    for report in (first, second):
        Draft202012Validator(schema("report")).validate(report)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{" * 20_000,
        json.dumps({**NOTE, "schema": 2}),
        json.dumps({**NOTE, "payload": "../../x"}),
        json.dumps({**NOTE, "password": "secret"}),
        json.dumps({**NOTE, "seconds": float("nan")}),
        json.dumps({**NOTE, "why": "x" * 2000}),
    ],
)
def test_a_damaged_note_is_told_of_once_and_published_never(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
):
    (tmp_path / INSTALLED).write_text(text)
    installed = Installed(tmp_path)
    assert [installed.message(Device()), installed.message(Device())] == [None, None]
    [record] = caplog.records
    assert "it cannot be read (damaged or edited)" in record.getMessage()
    (tmp_path / "new").write_text(json.dumps(NOTE))
    (tmp_path / "new").replace(tmp_path / INSTALLED)
    assert installed.message(Device())
    (tmp_path / INSTALLED).unlink()
    assert installed.message(Device()) is None
