"""What was measured is remembered until something changes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge.alerting.outbox import state_folder
from edge.config import Camera, Outbox, Settings
from edge.probe.choose import choose
from edge.probe.hardware import describe_hardware, find_delegates
from edge.probe.memory import Memory
from tests.probe.tasks import SMALL, classifier, cpu, detector, way


def test_what_was_measured_holds_until_something_changes(
    settings: Settings, measurements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VK_ICD_FILENAMES", "/nowhere")
    chosen = way(choose(detector(settings), settings))
    assert measurements == ["detector"]
    assert way(choose(detector(settings), settings)) == chosen
    assert measurements == ["detector"]
    larger = settings.model_copy(update={"cameras": {"yard": Camera(), "entrance": SMALL}})
    for change in (
        lambda: choose(detector(settings, min_face=60), settings),
        lambda: choose(detector(settings, threads=1), settings),
        lambda: choose(detector(larger), settings),
    ):
        measurements.clear()
        change()
        assert measurements == ["detector"]
    measurements.clear()
    monkeypatch.setenv("VK_ICD_FILENAMES", "/nowhere/else")
    choose(detector(settings), settings)
    assert measurements == ["detector"]


def test_other_models_another_runtime_and_new_delegates_are_measured_anew(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = classifier(settings)
    keys = [task.key()]
    manifest = task.bundle.manifest
    files = tuple(file.model_copy(update={"sha256": "0" * 64}) for file in manifest.files)
    other = replace(task.bundle, manifest=manifest.model_copy(update={"files": files}))
    keys.append(replace(task, bundle=other).key())
    monkeypatch.setattr("edge.probe.task.runtime_name", lambda: "ai-edge-litert 9.9.9")
    keys.append(task.key())
    library = tmp_path / "libedgetpu.so.1"
    library.write_bytes(b"")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    keys.append(task.key())
    library.write_bytes(b"newer")
    keys.append(task.key())
    assert len({json.dumps(key) for key in keys}) == 5


def test_delegates_are_found_where_the_loader_looks(tmp_path: Path) -> None:
    library = tmp_path / "libedgetpu.so.1"
    assert library not in find_delegates({"LD_LIBRARY_PATH": str(tmp_path)})
    library.write_bytes(b"not loaded")
    assert library in find_delegates({"LD_LIBRARY_PATH": f":{tmp_path}"})


def test_the_hardware_is_described_alike_each_time() -> None:
    assert describe_hardware([]) == json.loads(json.dumps(describe_hardware([])))
    assert describe_hardware([])["cores"] >= 1


@pytest.mark.parametrize("damage", ["", "{", '{"schema": 2, "entries": []}', "[1, 2]"])
def test_a_damaged_memory_is_told_once_and_measured_anew(
    settings: Settings,
    measurements: list[str],
    damage: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = Memory(state_folder(settings.outbox)).path
    path.write_text(damage)
    choose(classifier(settings), settings)
    choose(classifier(settings), settings)
    assert measurements == ["classifier"]
    assert [str(path) in message for message in caplog.messages] == [True]


def test_a_memory_that_cannot_be_written_keeps_nothing_from_running(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    settings = Settings(
        cameras={"entrance": SMALL}, outbox=Outbox(path=tmp_path / "file" / "outbox")
    )
    assert way(choose(classifier(settings), settings)).accelerator.kind == "cpu"
    assert "cannot be written" in caplog.text


def test_the_memory_keeps_the_newest_entries_only(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    for number in range(40):
        memory.keep({"number": number}, [cpu(1, 10)])
    assert len(json.loads(memory.path.read_text())["entries"]) == 16
    assert Memory(tmp_path).find({"number": 39})
    assert not Memory(tmp_path).find({"number": 3})


def test_what_others_wrote_meanwhile_is_not_lost(tmp_path: Path) -> None:
    early = Memory(tmp_path)
    early.keep({"task": "detector"}, [cpu(1, 10)])
    Memory(tmp_path).keep({"task": "classifier"}, [cpu(1, 1)])
    Memory(tmp_path).keep({"task": "detector"}, [cpu(1, 11)])
    early.note({"task": "detector"}, cpu(1, 10).way, "failed later: gone")
    now = Memory(tmp_path)
    assert now.find({"task": "classifier"})
    entry = now.find({"task": "detector"})
    assert entry
    assert entry.measured == (cpu(1, 11, "failed later: gone"),)
