"""LiteRT and tflite-runtime see the same faces and say the same of them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.demo.portraits import COLLINS, HOPPER, find_photo
from edge.values import Box

ROOT = Path(__file__).parent.parent
LEGACY = ROOT / ".venv-legacy" / "bin" / "python"
LOOK = """
import json, sys
from dataclasses import astuple
from pathlib import Path
from edge.bundle import load_bundle
from edge.config import Classifier, Detector
from edge.runtime.interpreter import runtime_name
from edge.sources.pictures import read_picture
from edge.finder import detector_in
from edge.vision import classifier

judge = classifier.Classifier(load_bundle(Classifier().bundle), Classifier())
looks = {"runtime": runtime_name()}
for form in ("dynamic", "float32"):
    settings = Detector(form=form)
    finder = detector_in(load_bundle(settings.bundle), settings)
    for path in sys.argv[1:]:
        photo = read_picture(Path(path))
        looks[f"{form} {path}"] = [
            (astuple(face.box), face.score, judge.classify(photo, face.box))
            for face in finder.detect(photo)
        ]
print(json.dumps(looks))
"""
TOLERANCE = 0.01
"""Of a probability: two steps of the classifier's bytes, and a little."""


def look(python: Path | str) -> dict[str, Any]:
    photos = [find_photo(portrait) for portrait in (COLLINS, HOPPER)]
    done = subprocess.run(
        [python, "-c", LOOK, *photos], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(
    not (LEGACY.parent.parent / "ready").exists(),
    reason="no .venv-legacy: make .venv-legacy/ready installs it, with Python up to 3.11",
)
def test_both_runtimes_find_the_same_faces_and_judge_them_alike() -> None:
    ours, theirs = look(sys.executable), look(LEGACY)
    assert ours.pop("runtime").startswith("ai-edge-litert ")
    assert theirs.pop("runtime") == "tflite-runtime 2.14.0"
    assert ours.keys() == theirs.keys()
    for photo, faces in ours.items():
        assert len(faces) == len(theirs[photo]) >= 1
        for (box, score, labels), (other, other_score, others) in zip(
            faces, theirs[photo], strict=True
        ):
            assert Box(*box).overlap(Box(*other)) >= 0.99
            assert score == pytest.approx(other_score, abs=TOLERANCE)
            assert labels == pytest.approx(others, abs=TOLERANCE)
            assert labels.index(max(labels)) == others.index(max(others))
