"""`maskgate probe` and `bench` show what was measured; `run` measures once."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from edge.bundle import MODELS
from edge.cli import main
from edge.probe import measure as measuring
from tests.accelerators import gpu_in_software


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


def test_probe_says_that_it_could_not_remember(tmp_path: Path) -> None:
    memory = tmp_path / "accelerators.json"
    assert f"\nkept   {memory}\n" in maskgate(tmp_path, "probe").stdout
    memory.unlink()
    memory.mkdir()
    assert f"\nnot kept in  {memory}\n" in maskgate(tmp_path, "probe").stdout
