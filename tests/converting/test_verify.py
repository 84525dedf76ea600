"""`maskgate-convert verify` judges a bundle by other data, and refuses what does not do."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from convert.bundle import write_bundle
from convert.cli import main
from convert.detector import _choose
from convert.detector_verification import Found
from convert.tflite import to_tflite
from convert.verification import Kept, Shown, Verification, faults
from convert.verification_page import page_beside
from edge.bundle import MODELS, load_bundle
from tests.converting.brightness import SIDE, brightness_model, convert, faces, write_pictures
from train.data.annotations import LABELS

pytestmark = pytest.mark.timeout(240)


def verify(bundle: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.setenv("XDG_CACHE_HOME", str(data.parent / "cache"))
    return CliRunner().invoke(main, ["verify", str(bundle), "--data", str(data)])


def refusal(done: Result) -> str:
    assert done.exit_code == 2, done.output
    assert isinstance(done.exception, SystemExit)
    return done.stderr.splitlines()[-1]


def classifier(place: Path, **fields: Any) -> Path:
    """A bundle whose float32 form works and whose default form does not."""
    source = {"width": SIDE, "height": SIDE, "colour": "RGB", "dtype": "uint8", "offset": 0.0}
    manifest = {
        "name": "brightness",
        "version": "1.0.0",
        "task": "mask-classification",
        "labels": LABELS,
        "input": {**source, "scale": 1.0, **fields},
        "output": "probability of the first label",
        "threshold": 0.5,
        "unsure": [0.4, 0.6],
        "default_form": "uint8",
        "measured": {},
        "origin": {},
        "licence": "Apache-2.0",
    }
    broken = b"not a model, however long " * 10
    working = to_tflite(brightness_model(), "float32")
    models = {("classifier", "float32"): working, ("classifier", "uint8"): broken}
    write_bundle(place, manifest, models)
    return place


def test_a_default_form_that_does_not_run_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = classifier(tmp_path / "bundle")
    data = write_pictures(tmp_path / "data", *faces(4, 20, 230))
    said = refusal(verify(bundle, data, monkeypatch))
    assert "its default form uint8: ai-edge-litert" in said
    assert "refuses it; convert again" in said
    assert not page_beside(bundle).exists()


def test_a_net_that_takes_other_numbers_than_pixels_is_not_judged_by_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = classifier(tmp_path / "bundle", offset=127.5, scale=128.0)
    data = write_pictures(tmp_path / "data", *faces(4, 20, 230))
    assert "found offset 127.5 and scale 128;" in refusal(verify(bundle, data, monkeypatch))


def test_photos_without_faces_prove_nothing_of_a_detector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    cv2.imwrite(str(data / "empty.png"), np.full((64, 64, 3), 200, np.uint8))
    said = refusal(verify(MODELS / "mtcnn", data, monkeypatch))
    assert "expected some with faces to compare the forms on, found none in 1" in said


def test_a_detector_without_float32_has_nothing_to_be_compared_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = load_bundle(MODELS / "mtcnn")
    manifest = json.loads((MODELS / "mtcnn" / "manifest.json").read_text())
    del manifest["schema"], manifest["files"]
    models = {
        (file.net, file.form): shipped.content(file)
        for file in shipped.manifest.files
        if file.form == "dynamic"
    }
    write_bundle(tmp_path / "bundle", manifest, models)
    data = tmp_path / "data"
    data.mkdir()
    cv2.imwrite(str(data / "empty.png"), np.full((64, 64, 3), 200, np.uint8))
    said = refusal(verify(tmp_path / "bundle", data, monkeypatch))
    assert "expected float32 among its forms, to compare the others with, found dynamic" in said


def test_a_detectors_form_that_a_runtime_refuses_is_not_the_default() -> None:
    same = Found(faces=10, lost=0, close=10, extra=0, seconds=1.0)
    found = {"float32": same, "dynamic": same}
    assert _choose(found, [], allow_loss=False) == "dynamic"
    assert _choose(found, ["dynamic"], allow_loss=True) == "float32"


def test_the_page_lies_beside_the_bundle_however_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bundle").mkdir()
    monkeypatch.chdir(tmp_path / "bundle")
    for name in (".", "../bundle", tmp_path / "bundle"):
        assert page_beside(Path(name)) == tmp_path.resolve() / "bundle.verification.html"


@pytest.mark.parametrize(("after", "expected"), [(0.967, 0), (0.9669, 1)])
def test_a_form_may_lose_all_that_is_allowed(after: float, expected: int) -> None:
    none = np.zeros(1)
    kept = Kept("uint8", "a runtime", 1, none, 0.0, 0.0, none > 0, after, after, 0.97 - after, {})
    shown = Shown(np.zeros((1, 2, 2, 3), np.uint8), none > 0, 0.5, none, "Keras")
    assert len(list(faults("uint8", Verification(shown, [kept], [], None)))) == expected


def test_a_bundle_is_verified_on_data_of_the_users(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_pictures(tmp_path / "data", *faces(12, 20, 230))
    done = verify(bundle, data, monkeypatch)
    assert done.exit_code == 0, done.output
    assert "uint8 under ai-edge-litert" in done.stderr
    assert "100.00% right" in done.stderr


def test_a_bundle_whose_default_form_loses_too_much_is_refused_when_verified(
    fragile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = fragile.parent / "lossy"
    both = ("--form", "uint8", "--form", "float32", "--allow-loss")
    assert convert(fragile, out, *both).exit_code == 0
    data = write_pictures(tmp_path / "data", *faces(40, 99.05, 99.35))
    done = verify(out, data, monkeypatch)
    assert done.exit_code == 2
    assert "its default form uint8: loses" in done.stderr.splitlines()[-1]
    assert (fragile.parent / "lossy.verification.html").exists()


def test_an_altered_bundle_is_not_verified(bundle: Path, tmp_path: Path) -> None:

    altered = Path(shutil.copytree(bundle, tmp_path / "altered"))
    file = altered / "classifier.int8.tflite"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    done = CliRunner().invoke(main, ["verify", str(altered), "--data", str(tmp_path)])
    assert done.exit_code == 2
    assert "its SHA-256 differs from the manifest's" in done.stderr
