"""Which of the measured ways is chosen, and which are measured at all."""

from pathlib import Path

import numpy as np
import pytest

from edge.alerting.outbox import state_folder
from edge.bundle import MODELS, Form
from edge.config import Classifier, Detector, Settings
from edge.errors import MaskGateError
from edge.nets import OpenNets
from edge.probe import choose as choosing
from edge.probe import measure as measuring
from edge.probe.choose import choose
from edge.probe.measure import Measured, pick, verdict
from edge.probe.memory import Memory
from edge.probe.probe import probe
from edge.probe.task import Task
from edge.runtime.accelerator import CPU, Accelerator
from edge.runtime.processor import Way
from edge.runtime.trial import Job, Trial
from tests.probe.tasks import classifier, cpu, detector, gpu, way


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
