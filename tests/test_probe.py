"""What the nets run on is measured, compared, remembered, and shown."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from edge.alerting.outbox import state_folder
from edge.bundle import MODELS, Form, load_bundle
from edge.cli import main
from edge.config import Camera, Classifier, Detector, Outbox, Settings
from edge.errors import MaskGateError
from edge.nets import OpenNets
from edge.probe import choose as choosing
from edge.probe import measure as measuring
from edge.probe.choose import choose, require_accelerator
from edge.probe.hardware import describe_hardware, find_delegates
from edge.probe.measure import CLASSIFIER_TOLERANCE, Measured, pick, verdict
from edge.probe.memory import Memory
from edge.probe.probe import probe
from edge.probe.task import Task, classifier_task, detector_task
from edge.probe.workload import cascade_work, classifier_work
from edge.runtime.accelerator import CPU, Accelerator
from edge.runtime.processor import Processor, Way
from edge.runtime.trial import Job, Trial, TrialError, try_model
from tests.accelerators import built_delegate, gpu_in_software
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent
SMALL = Camera(width=96, height=72)
"""Few levels: quick to measure."""


def cpu(threads: int, milliseconds: float, fault: str | None = None) -> Measured:
    way = Way(Accelerator("cpu", threads), "dynamic")
    return Measured(way, milliseconds / 1000, 0.0, fault)


def gpu(milliseconds: float | None, fault: str | None = None) -> Measured:
    seconds = None if milliseconds is None else milliseconds / 1000
    return Measured(Way(Accelerator("gpu"), "float16"), seconds, 0.01, fault)


@pytest.mark.parametrize(
    ("measured", "chosen"),
    [
        ([cpu(1, 10)], 0),
        ([cpu(1, 10), cpu(2, 9)], 0),  # faster, but not by a fifth
        ([cpu(1, 10), cpu(2, 7)], 1),
        ([cpu(1, 10), cpu(2, 7), cpu(3, 6.5), cpu(4, 5)], 3),
        ([cpu(1, 10), cpu(2, 9), cpu(3, 8.5), cpu(4, 7.9)], 3),
        ([cpu(1, 0.6), cpu(2, 0.3)], 0),  # by half, which is nothing of a frame's time
        ([cpu(1, 10), cpu(2, 7), gpu(3)], 2),
        ([cpu(1, 10), cpu(2, 7), gpu(6.5)], 1),
        ([cpu(1, 10), gpu(160)], 0),  # a Raspberry Pi 4
        ([cpu(1, 10), gpu(3, "disagrees by 0.4: at most 0.1 is right")], 0),
        ([cpu(1, 10), gpu(None, "fails: no result within 15 s")], 0),
        ([cpu(1, 10, "fails: out of memory"), cpu(2, 7)], 1),
        ([cpu(1, 10, "fails: out of memory")], None),
    ],
)
def test_the_fastest_is_picked_if_it_agrees_and_is_clearly_faster_than_fewer_threads(
    measured: list[Measured], chosen: int | None
) -> None:
    assert pick(measured) == (None if chosen is None else measured[chosen])


def test_an_accelerator_that_is_asked_for_need_not_be_faster() -> None:
    assert pick([cpu(1, 10), gpu(160)], clearly=False) == gpu(160)


def test_a_verdict_is_a_few_words() -> None:
    rows = [cpu(1, 10), cpu(2, 9), cpu(3, 11), gpu(3, "disagrees by 0.4: at most 0.1 is right")]
    found = [verdict(row, rows[0]) for row in rows]
    assert found == ["chosen", "not clearly faster", "slower", "disagrees by 0.4"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cameras={"entrance": SMALL}, outbox=Outbox(path=tmp_path / "outbox.sqlite"))


def classifier(settings: Settings, accelerator: str = "auto") -> Task:
    asked = settings.model_copy(update={"classifier": Classifier(accelerator=accelerator)})
    return classifier_task(load_bundle(MODELS / "compact"), asked)


def detector(settings: Settings, **fields: object) -> Task:
    asked = settings.model_copy(update={"detector": Detector.model_validate(fields)})
    return detector_task(load_bundle(MODELS / "mtcnn"), asked)


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


def way(processor: Processor) -> Way:
    return processor._way


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


def test_cpu_needs_no_measuring_and_takes_the_threads_that_are_set(
    settings: Settings, measurements: list[str]
) -> None:
    one = choose(detector(settings, accelerator="cpu"), settings)
    three = choose(detector(settings, accelerator="cpu", threads=3), settings)
    assert (way(one).accelerator, way(three).accelerator) == (CPU, Accelerator("cpu", 3))
    assert measurements == []
    assert not Memory(state_folder(settings.outbox)).path.exists()


def test_auto_tries_no_more_threads_than_are_set(settings: Settings) -> None:
    def threads(task: Task) -> list[int]:
        return [w.accelerator.threads for w in task.ways() if w.accelerator.kind == "cpu"]

    assert threads(detector(settings, threads=3)) == [1, 2, 3]
    assert threads(detector(settings, threads=1)) == [1]
    assert threads(detector(settings))[-1] <= 4


@pytest.mark.parametrize(
    ("fields", "forms"),
    [
        ({}, {"gpu": ["float16"], "delegate": ["dynamic", "float16"]}),
        ({"form": "float32"}, {"gpu": ["float32"], "delegate": ["float32"]}),
        # Asked for this form, and no other, there is none for a GPU.
        ({"form": "dynamic"}, {"gpu": ["float16"], "delegate": ["dynamic"]}),
    ],
)
def test_an_accelerator_gets_the_forms_that_suit_it(
    settings: Settings,
    fields: dict[str, str],
    forms: dict[str, list[Form]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "libedgetpu.so.1").write_bytes(b"")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    ways = detector(settings, **fields).ways()
    for kind, expected in forms.items():
        assert [w.form for w in ways if w.accelerator.kind == kind] == expected


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


def test_where_more_threads_are_no_faster_still_more_are_not_tried(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = {1: 10.0, 2: 11.0, 3: 1.0, 4: 1.0}

    class Timed:
        def measure(self, way: Way) -> Measured:
            return cpu(way.accelerator.threads, taken[way.accelerator.threads])

    monkeypatch.setattr(Task, "measuring", lambda _: Timed())
    found = choosing.measure(detector(settings), [cpu(count, 0).way for count in taken])
    assert [one.fault for one in found] == [
        None,
        None,
        *["not tried: 2 threads are no faster than fewer"] * 2,
    ]


@pytest.mark.parametrize("broken", ["pnet", "rnet", "onet"])
def test_a_net_that_gives_no_numbers_is_noticed_whichever_it_is(
    broken: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried(jobs: list[Job], on: Accelerator, **_: object) -> list[Trial]:
        spoiled = on.kind == "gpu"
        return [
            Trial(
                np.full((1, 2), np.nan if spoiled and job.name == broken else 0.0, np.float32),
                (0.01,),
                "a runtime",
            )
            for job in jobs
        ]

    monkeypatch.setattr(measuring, "try_models", tried)
    found = detector(settings).measuring().measure(Way(Accelerator("gpu"), "float16"))
    assert found.fault is not None
    assert found.fault.startswith("disagrees by inf")


def test_where_nothing_can_be_tried_the_device_runs_and_tries_again_next_time(
    settings: Settings, measurements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    for _ in range(2):
        assert way(choose(classifier(settings), settings)).accelerator == CPU
    assert measurements == ["classifier", "classifier"]


def test_a_python_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("not executable")
    inputs = np.zeros((1, 2, 2, 3), np.float32)
    with pytest.raises(TrialError, match=r"cannot be tried \(.*/python: Permission denied\)"):
        try_model(b"", CPU, inputs, repeats=1, limit=5, python=python)


def delegated(folder: Path) -> str:
    return f"delegate:{built_delegate(folder)}"


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


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (Detector(bundle=MODELS / "compact"), "it is for mask-classification, expected face-dete"),
        (Classifier(bundle=MODELS / "mtcnn"), "expected a mask-classification bundle"),
    ],
)
def test_a_bundle_for_another_task_is_refused_before_anything_is_measured(
    section: Detector | Classifier, expected: str, settings: Settings, measurements: list[str]
) -> None:
    wrong = settings.model_copy(update={type(section).__name__.lower(): section})
    for use in (OpenNets, probe):
        with pytest.raises(MaskGateError, match=expected):
            use(wrong)
    assert measurements == []


def test_photos_are_not_kept_waiting_by_a_measurement(
    settings: Settings, measurements: list[str]
) -> None:
    processor = choose(detector(settings, threads=2), settings, patient=False)
    assert way(processor).accelerator == Accelerator("cpu", 2)
    assert measurements == []


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


def maskgate(tmp_path: Path, *words: str) -> Result:
    file = tmp_path / "maskgate.toml"
    file.write_text(
        "[cameras.entrance]\nwidth = 96\nheight = 72\n"
        f"[outbox]\npath = '{tmp_path / 'outbox.sqlite'}'\n"
    )
    return CliRunner().invoke(main, [words[0], "--config", str(file), *words[1:]])


def test_probe_shows_a_table_and_remembers(tmp_path: Path) -> None:
    done = maskgate(tmp_path, "probe")
    assert done.exit_code == 0, done.output
    assert re.search(r"cpu, 1 thread +\w+ +\d+\.\d\d +1\.00 +0 +\w", done.stdout)
    assert re.search(r"gpu +float16 ", done.stdout)
    assert "nothing was remembered before" in done.stdout
    shown = json.loads(maskgate(tmp_path, "probe", "--json").stdout)
    assert shown["runtime"].startswith("ai-edge-litert ")
    for name in ("detector", "classifier"):
        rows = shown[name]["measured"]
        assert [row["verdict"] for row in rows].count("chosen") == 1
        assert rows[0]["way"]["accelerator"]["threads"] == 1
    assert "remembered until now: cpu" in maskgate(tmp_path, "probe").stdout


def test_bench_shows_each_form_with_each_number_of_threads(tmp_path: Path) -> None:
    done = maskgate(tmp_path, "bench", "--threads", "1", "--threads", "2")
    assert done.exit_code == 0, done.output
    for row in (r"float32 +\d+ +1 ", r"float32 +\d+ +2 ", r"dynamic +\d+ +1 ", r"uint8 +\d+ +2 "):
        assert re.search(row, done.stdout)


def test_the_first_run_measures_and_the_next_remembers(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((72, 96, 3), 200, np.uint8))
    words = ("run", "--source", str(tmp_path / "empty.png"), "--once", "--broker")
    first, second = (maskgate(tmp_path, *words, "mqtt://127.0.0.1:9") for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    for name in ("detector", "classifier"):
        assert f"measuring what the {name} runs fastest on" in first.stderr
    assert "measuring" not in second.stderr


def test_bench_goes_on_when_a_form_does_not_run(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(MODELS / "compact", tmp_path / "compact"))
    text = b"not a model, however long " * 10
    (folder / "broken.tflite").write_bytes(text)
    manifest = json.loads((folder / "manifest.json").read_text())
    broken = {"net": "classifier", "form": "float32", "path": "broken.tflite"}
    broken |= {"sha256": hashlib.sha256(text).hexdigest(), "size": len(text)}
    manifest["files"].append(broken)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    done = maskgate(tmp_path, "bench", "--bundle", str(folder), "--threads", "1")
    assert done.exit_code == 0, done.output
    assert re.search(r"float32 +0 +1 +fails", done.stdout)
    assert "float32: on cpu, 1 thread: model classifier: the runtime refuses it" in done.stdout
    assert re.search(r"uint8 +\d+ +1 +\d+\.\d\d +\d", done.stdout)


@pytest.mark.slow
def test_a_gpu_that_agrees_is_measured_and_not_chosen_where_it_is_slower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu_in_software(monkeypatch)
    monkeypatch.setattr(measuring, "ACCELERATOR_LIMIT", 90)
    shown = json.loads(maskgate(tmp_path, "probe", "--json").stdout)
    (row,) = (r for r in shown["detector"]["measured"] if r["way"]["accelerator"]["kind"] == "gpu")
    assert row["fault"] is None
    assert 0 < row["difference"] < 0.1
    assert row["verdict"] == "slower"


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


def test_probe_says_that_it_could_not_remember(tmp_path: Path) -> None:
    memory = tmp_path / "accelerators.json"
    assert f"\nkept   {memory}\n" in maskgate(tmp_path, "probe").stdout
    memory.unlink()
    memory.mkdir()
    assert f"\nnot kept in  {memory}\n" in maskgate(tmp_path, "probe").stdout


def test_a_measurement_that_is_ended_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "XDG_STATE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", "from edge.cli import main; main()", "probe"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE) as process:
        wait_until(lambda: any((tmp_path / "tmp").glob("maskgate-trial-*")), 30)
        process.terminate()
        assert process.wait(10) == 128 + signal.SIGTERM
    assert list((tmp_path / "tmp").iterdir()) == []
