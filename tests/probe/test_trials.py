"""A net is tried in a process of its own, on pictures that tell right from wrong."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import MODELS, load_bundle
from edge.config import Detector
from edge.probe.measure import CLASSIFIER_TOLERANCE
from edge.probe.workload import cascade_work, classifier_work
from edge.runtime.accelerator import CPU
from edge.runtime.trial import TrialError, try_model
from tests.accelerators import built_delegate
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


def test_a_python_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("not executable")
    inputs = np.zeros((1, 2, 2, 3), np.float32)
    with pytest.raises(TrialError, match=r"cannot be tried \(.*/python: Permission denied\)"):
        try_model(b"", CPU, inputs, repeats=1, limit=5, python=python)


def test_the_trial_pictures_tell_a_broken_accelerator_from_a_working_one() -> None:
    bundle = load_bundle(MODELS / "compact")
    (piece,) = classifier_work(bundle)
    trial = try_model(bundle.model("classifier"), CPU, piece.inputs, repeats=1, limit=60)
    assert np.ptp(trial.outputs) > 5 * CLASSIFIER_TOLERANCE.same_form


def test_the_detectors_work_is_the_pyramid_of_the_cameras_frame() -> None:
    bundle = load_bundle(MODELS / "mtcnn")
    work = cascade_work(bundle, Detector(), (640, 480))
    assert [piece.inputs.shape[1:3] for piece in work if piece.net == "pnet"][:2] == [
        (144, 192),
        (102, 136),
    ]
    assert sum(piece.net == "pnet" for piece in work) == 8
    assert [piece.inputs.shape[1:3] for piece in work[-2:]] == [(24, 24), (48, 48)]


def test_a_trial_that_hangs_ends_with_the_process_that_started_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DELEGATE", "hang")
    code = (
        "import os, sys\n"
        "from edge.bundle import MODELS, load_bundle\n"
        "from edge.probe.workload import classifier_work\n"
        "from edge.runtime.accelerator import Accelerator\n"
        "from edge.runtime.trial import try_model\n"
        "bundle = load_bundle(MODELS / 'compact')\n"
        "print(os.getpid(), flush=True)\n"
        "try_model(bundle.model('classifier'), Accelerator('delegate', library=sys.argv[1]),\n"
        "          classifier_work(bundle)[0].inputs, repeats=1, limit=60)\n"
    )
    words = [sys.executable, "-c", code, str(built_delegate(tmp_path))]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT) as parent:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        wait_until(lambda: bool(children.read_text()), 30)
        (child,) = children.read_text().split()
        maps = Path(f"/proc/{child}/maps")
        wait_until(lambda: "libdelegate.so" in maps.read_text(), 30)
        parent.kill()
    wait_until(lambda: not maps.exists() or not maps.read_text(), 10)


def test_a_measurement_that_is_ended_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "XDG_STATE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", "from edge.cli import main; main()", "probe"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE) as process:
        wait_until(lambda: any((tmp_path / "tmp").glob("maskgate-trial-*")), 30)
        process.terminate()
        assert process.wait(10) == 128 + signal.SIGTERM
    assert list((tmp_path / "tmp").iterdir()) == []
