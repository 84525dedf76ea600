"""An accelerator that is broken, or not there, costs no more than its use."""

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.bundle import MODELS, load_bundle
from edge.cli import main
from edge.config import Classifier, Settings
from edge.errors import MaskGateError
from edge.probe import measure as measuring
from edge.probe.choose import choose, require_accelerator
from edge.probe.task import classifier_task
from edge.runtime.accelerator import CPU
from tests.probe.tasks import classifier, delegated, way


@pytest.mark.parametrize(
    ("mode", "fault"),
    [
        ("refuse", "no device of this kind"),
        ("crash", r"the process crashed \(SIGABRT\)"),
        ("hang", "no result within 4 s"),
        ("wrong", r"disagrees by [01].*: from one CPU thread \(uint8\), at most 0.02 is right"),
        ("fail", "failed to invoke"),
    ],
)
def test_a_delegate_that_misbehaves_is_not_used(
    mode: str,
    fault: str,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("DELEGATE", mode)
    if mode == "hang":
        monkeypatch.setattr(measuring, "ACCELERATOR_LIMIT", 4)
    task = classifier(settings, delegated(tmp_path))
    assert way(choose(task, settings)).accelerator == CPU
    (warning,) = caplog.messages
    assert re.search(fault, warning)
    assert warning.endswith("going on with cpu, 1 thread")


def test_a_delegate_that_fails_after_it_was_chosen_is_not_walked_into_again(
    settings: Settings,
    tmp_path: Path,
    measurements: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("DELEGATE", "idle")
    task = classifier(settings, delegated(tmp_path))
    for _ in range(2):
        processor = choose(task, settings)
        assert way(processor).accelerator.kind == "delegate"
        processor.open("classifier", "classifier")
    assert not caplog.messages
    monkeypatch.setenv("DELEGATE", "refuse")
    choose(task, settings).open("classifier", "classifier")
    assert "going on with cpu" in caplog.text
    monkeypatch.setenv("DELEGATE", "crash")  # it would end this very process
    processor = choose(task, settings)
    assert way(processor).accelerator == CPU
    processor.open("classifier", "classifier")
    assert measurements == ["classifier"]


def test_an_accelerator_that_ended_the_process_is_not_walked_into_again(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("DELEGATE", "idle")
    task = classifier(settings, delegated(tmp_path))
    choose(task, settings)  # and the process ends before the net is open
    assert way(choose(task, settings)).accelerator == CPU
    assert "the device ended while it was being opened" in caplog.text


def test_what_was_asked_for_and_is_not_there_is_a_fault(settings: Settings, tmp_path: Path) -> None:
    for task in (classifier(settings), classifier(settings, "cpu")):
        require_accelerator(task)
    folder = Path(shutil.copytree(MODELS / "compact", tmp_path / "compact"))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = [file for file in manifest["files"] if file["form"] == "uint8"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    asked = settings.model_copy(update={"classifier": Classifier(accelerator="gpu")})
    with pytest.raises(MaskGateError, match=r"classifier\.accelerator: .*no float form"):
        require_accelerator(classifier_task(load_bundle(folder), asked))


def test_check_names_an_accelerator_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "maskgate.toml"
    file.write_text('[classifier]\naccelerator = "delegate:/nowhere/libx.so"\n')
    done = CliRunner().invoke(main, ["check", "--config", str(file)])
    assert done.exit_code == 2
    assert 'classifier.accelerator: expected something that runs compact, found "delegate:/now' in (
        done.output
    )
    assert "cannot open shared object file" in done.output
