"""A net on an accelerator that fails goes on with the CPU, and no frame is lost."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import MODELS, Bundle, load_bundle
from edge.config import Classifier as ClassifierSettings
from edge.config import Detector
from edge.demo.portraits import COLLINS, find_photo
from edge.errors import MaskGateError
from edge.runtime.accelerator import CPU, Accelerator, parse_accelerator
from edge.runtime.model import Tensor, open_model
from edge.runtime.processor import Processor, Way
from edge.sources.pictures import read_picture
from edge.vision.cascade import Cascade
from edge.vision.classifier import Classifier
from tests.accelerators import built_delegate, gpu_in_software

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def delegate(tmp_path_factory: pytest.TempPathFactory) -> Accelerator:
    return Accelerator("delegate", library=str(built_delegate(tmp_path_factory.mktemp("delegate"))))


@pytest.fixture
def compact() -> Bundle:
    return load_bundle(MODELS / "compact")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", None),
        ("cpu", Accelerator("cpu", 3)),
        ("gpu", Accelerator("gpu")),
        ("delegate:/opt/x.so", Accelerator("delegate", library="/opt/x.so")),
        ("delegate:x.so", Accelerator("delegate", library="x.so")),  # for the loader to find
        ("delegate:./x.so", Accelerator("delegate", library=str(Path.cwd() / "x.so"))),
        ("delegate:~/x.so", Accelerator("delegate", library=str(Path.home() / "x.so"))),
    ],
)
def test_the_settings_name_an_accelerator(text: str, expected: Accelerator | None) -> None:
    assert parse_accelerator(text, 3) == expected


@pytest.mark.parametrize("text", ["", "npu", "delegate:", "CPU", "/opt/x.so"])
def test_what_is_no_accelerator_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r'expected "auto", "cpu", "gpu" or "delegate:PATH"'):
        parse_accelerator(text)


@pytest.mark.parametrize("library", ["libm.so.6", "/no/such.so"])
def test_a_library_that_is_no_delegate_is_refused(compact: Bundle, library: str) -> None:
    with pytest.raises(MaskGateError, match="expected a TFLite external delegate"):
        open_model(compact.model("classifier"), "compact", Accelerator("delegate", library=library))


def test_a_face_is_judged_on_the_cpu_when_the_delegate_fails(
    compact: Bundle,
    delegate: Accelerator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    photo, settings = read_picture(find_photo(COLLINS)), ClassifierSettings()
    expected = Classifier(compact, settings).classify(photo, COLLINS.box)
    monkeypatch.setenv("DELEGATE", "fail")
    reports: list[str | None] = []
    processor = Processor(compact, Way(delegate, "uint8"), Way(CPU, "uint8"), reports.append)
    classifier = Classifier(compact, settings, processor)
    classifier.classify(photo, COLLINS.box)  # of which the delegate computes nothing
    assert [classifier.classify(photo, COLLINS.box) for _ in range(3)] == [expected] * 3
    (warning,) = caplog.messages
    assert "failed to invoke" in warning
    assert warning.endswith("going on with cpu, 1 thread")
    assert reports[0] is None
    assert "failed to invoke" in (reports[1] or "")
    assert len(reports) == 2


def test_all_nets_of_the_detector_go_on_with_the_cpu_at_once(
    delegate: Accelerator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bundle, settings = load_bundle(MODELS / "mtcnn"), Detector()
    photo = read_picture(find_photo(COLLINS))
    expected = Cascade(bundle, settings).detect(photo)
    monkeypatch.setenv("DELEGATE", "idle")
    processor = Processor(bundle, Way(delegate, "dynamic"), Way(CPU, "dynamic"))
    detector = Cascade(bundle, settings, processor)
    assert detector.detect(photo) == expected
    assert not processor.failed
    processor.fail(RuntimeError("the device is gone"))
    processor.fail(RuntimeError("the device is still gone"))
    assert detector.detect(photo) == expected
    assert detector.detect(photo[:300, :400]) == Cascade(bundle, settings).detect(photo[:300, :400])
    (warning,) = caplog.messages
    assert "the device is gone" in warning


@pytest.mark.parametrize(
    ("mode", "reason"), [("refuse", "no device of this kind"), ("missing", "cannot open shared")]
)
def test_an_accelerator_that_cannot_be_opened_is_told_once_and_the_cpu_taken(
    mode: str,
    reason: str,
    compact: Bundle,
    delegate: Accelerator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("DELEGATE", mode)
    if mode == "missing":
        delegate = Accelerator("delegate", library="/nowhere/libdelegate.so")
    reports: list[str | None] = []
    processor = Processor(compact, Way(delegate, "uint8"), Way(CPU, "uint8"), reports.append)
    processor.open("classifier", "first")
    processor.open("classifier", "second")
    (warning,) = caplog.messages
    assert reason in warning
    assert [reason in (report or "") for report in reports] == [True]


def test_a_damaged_file_is_no_fault_of_the_accelerator(
    tmp_path: Path, delegate: Accelerator, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(shutil.copytree(MODELS / "compact", tmp_path / "compact"))
    file = folder / "classifier.uint8.tflite"
    file.write_bytes(file.read_bytes()[:-1])
    bundle = load_bundle(folder)
    processor = Processor(bundle, Way(delegate, "uint8"), Way(CPU, "uint8"))
    with pytest.raises(MaskGateError, match="it was cut short"):
        processor.open("classifier", "classifier")
    assert not processor.failed
    assert not caplog.messages


def test_numbers_pass_between_forms_by_their_real_values() -> None:
    floats = Tensor((1, 3), np.dtype(np.float32))
    whole = Tensor((1, 3), np.dtype(np.uint8), scale=0.5, zero=10)
    given = np.array([0.0, 1.5, 300.0], np.float32)
    assert whole.numbers(floats.values(given)).tolist() == [10, 13, 255]
    assert floats.numbers(whole.values(np.array([10, 13], np.uint8))).tolist() == [0, 1.5]


ON_THE_GPU = """
import logging
from edge.bundle import MODELS, load_bundle
from edge.config import Detector
from edge.demo.portraits import COLLINS, find_photo
from edge.runtime.accelerator import CPU, Accelerator
from edge.runtime.processor import Processor, Way
from edge.sources.pictures import read_picture
from edge.values import Box
from edge.vision.cascade import Cascade

logging.basicConfig(format="%(message)s")
bundle, photo = load_bundle(MODELS / "mtcnn"), read_picture(find_photo(COLLINS))
photo, settings = photo[40:200:2, 140:300:2].copy(), Detector(min_face=30)
processor = Processor(bundle, Way(Accelerator("gpu"), "float32"), Way(CPU, "dynamic"))
detector = Cascade(bundle, settings, processor)
(before,), failed = detector.detect(photo), processor.failed
processor.fail(RuntimeError("the driver is gone"))
(after,) = detector.detect(photo)
(expected,) = Cascade(bundle, settings).detect(photo)
print(failed, before.box.overlap(expected.box) > 0.9, after == expected)
"""


@pytest.mark.slow
def test_a_detector_on_the_gpu_finds_the_face_and_finds_it_again_when_the_gpu_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu_in_software(monkeypatch)
    done = subprocess.run(
        [sys.executable, "-c", ON_THE_GPU], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.stdout == "False True True\n", done.stderr
    lines = done.stderr.splitlines()
    assert "bundle mtcnn: gpu fails (the driver is gone); going on with cpu, 1 thread" in lines
    # Of LiteRT's forty lines only those are left that it writes when the process ends.
    chatter = [line for line in lines if line.startswith(("INFO: [", "WARNING", "I0"))]
    assert [line for line in chatter if "DestroyAccelerator" not in line] == []
