import gc
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.frames import SPOTS, astronaut, grace_hopper, group
from edge.bundle import MODELS, load_bundle
from edge.config import Detector
from edge.errors import MaskGateError
from edge.values import Box, Face, Pixels
from edge.vision import pyramid
from edge.vision.cascade import LIMIT, Cascade
from edge.vision.net import Net

EXACT = Detector(
    kind="mtcnn", form="float32", min_face=20, factor=0.709, thresholds=(0.6, 0.7, 0.8)
)
"""The package's own settings, in the form that gives its faces."""


def cascade(settings: Detector | None = None) -> Cascade:
    settings = settings or Detector(kind="mtcnn")
    return Cascade(load_bundle(settings.bundle), settings)


def noise(width: int, height: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def collage() -> Pixels:
    """Two people in turn, in rows of faces from about 15 to 70 pixels, some mirrored."""
    heads = astronaut()[:280, 90:370], grace_hopper()[:400, 70:470]
    picture = np.full((560, 760, 3), (60, 90, 80), np.uint8)
    top = number = 0
    for side in (50, 80, 110, 140, 180):
        for left in range(0, 760 - side, side + 6):
            head = cv2.resize(heads[number % 2], (side, side), interpolation=cv2.INTER_AREA)
            picture[top : top + side, left : left + side] = head[:, :: (-1) ** (number // 2)]
            number += 1
        top += side
    return picture


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("photo", "faces"), [(astronaut, 1), (grace_hopper, 1), (group, 5), (collage, 20)]
)
def test_at_the_packages_settings_its_faces_come_out(
    photo: Callable[..., Pixels], faces: int
) -> None:
    mtcnn = pytest.importorskip("mtcnn")
    pixels = photo(faces) if photo is group else photo()
    expected = mtcnn.MTCNN().detect_faces(pixels, output_type="numpy", box_format="xyxy")
    found = cascade(EXACT).detect(pixels)
    assert len(found) == len(expected) >= faces
    # Both have the surest face first.
    for face, (_, left, top, right, bottom, score, *points) in zip(found, expected, strict=True):
        assert face.box.overlap(Box(left, top, right, bottom)) >= 0.99
        assert face.score == pytest.approx(score, abs=0.001)
        off = np.hypot(*(places(face).T - np.reshape(points, (2, 5))))
        assert off.max() <= 0.005 * (right - left)


def places(face: Face) -> np.ndarray:
    marks = face.landmarks
    return np.array(
        [marks.left_eye, marks.right_eye, marks.nose, marks.mouth_left, marks.mouth_right]
    )


@pytest.mark.parametrize("form", ["dynamic", "float32"])
def test_the_default_settings_find_each_face_once(form: str) -> None:
    found = cascade(Detector.model_validate({"kind": "mtcnn", "form": form})).detect(group(5))
    assert len(found) == 5
    for left, top, side in SPOTS:
        (face,) = [f for f in found if left < f.box.centre[0] < left + side
                   and top < f.box.centre[1] < top + side]  # fmt: skip
        assert face.score > 0.9
        assert 0.25 * side < face.box.width < 0.6 * side
        (left_eye, right_eye, nose, mouth_left, mouth_right) = places(face)
        assert left_eye[0] < nose[0] < right_eye[0]
        assert mouth_left[0] < mouth_right[0]
        assert left_eye[1] < nose[1] < mouth_left[1]


def test_a_face_at_the_border_ends_at_the_border() -> None:
    (face,) = cascade().detect(np.ascontiguousarray(astronaut()[90:, 190:]))
    assert face.box.left == 0
    assert face.box.top == 0


def test_a_view_of_a_frame_gives_the_faces_of_its_copy() -> None:
    mirrored = astronaut()[:, ::-1]
    finder = cascade()
    assert finder.detect(mirrored) == finder.detect(mirrored.copy())


@pytest.mark.parametrize("form", ["dynamic", "float32"])
@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (1, 700), (11, 11), (12, 12), (13, 12), (40, 41), (3000, 14)]
)
def test_a_picture_of_any_size_can_be_searched(form: str, width: int, height: int) -> None:
    settings = Detector.model_validate({"kind": "mtcnn", "form": form, "min_face": 12})
    assert cascade(settings).detect(noise(width, height)) == []


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((20, 20), np.uint8), np.zeros((20, 20, 4), np.uint8), np.zeros((20, 20, 3))],
)
def test_other_than_rgb_bytes_is_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must be uint8, height x width x 3, found"):
        cascade().detect(pixels)


def test_cutting_a_level_into_strips_changes_no_face(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = collage()[:551, :733]
    whole = cascade(EXACT).detect(pixels)
    monkeypatch.setattr(pyramid, "STRIP_PIXELS", 20_000)
    cut = cascade(EXACT).detect(pixels)
    assert len(list(pyramid.strips(439, 330))) > 3
    assert [astuple(face.box) for face in cut] == [
        pytest.approx(astuple(face.box), abs=0.01) for face in whole
    ]


@pytest.mark.parametrize(("width", "height"), [(2000, 500), (2001, 501), (30_000, 200), (12, 12)])
def test_strips_show_each_window_once(width: int, height: int) -> None:
    seen = []
    for top, rows in pyramid.strips(width, height):
        assert top % pyramid.STRIDE == 0
        # P-Net pools in pairs; an odd last row still makes a window.
        windows = -(-(rows - pyramid.CELL + pyramid.STRIDE) // pyramid.STRIDE)
        seen += range(top // pyramid.STRIDE, top // pyramid.STRIDE + windows)
    last = -(-(height - pyramid.CELL + pyramid.STRIDE) // pyramid.STRIDE)
    assert seen == list(range(last))


def test_a_frame_full_of_candidates_is_bounded_work() -> None:
    everything = cascade(Detector(kind="mtcnn", min_face=12, thresholds=(0, 0, 0)))
    assert 0 < len(everything.detect(noise(320, 240))) <= LIMIT


def test_nothing_passes_a_threshold_of_one() -> None:
    assert cascade(Detector(kind="mtcnn", thresholds=(0.6, 0.7, 1))).detect(astronaut()) == []


def test_frames_of_many_sizes_do_not_pile_up_nets() -> None:
    finder = cascade()
    for width in range(200, 240):
        finder.detect(noise(width, 200))
    gc.collect()
    held = sum(type(thing) is Net for thing in gc.get_objects())
    assert held <= 10  # R-Net, O-Net, and a P-Net for each of few levels


def test_the_time_inside_the_interpreters_is_counted() -> None:
    finder = cascade()
    assert finder.invoke_seconds == 0
    finder.detect(astronaut())
    assert 0 < finder.invoke_seconds < 10


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy of the detector's bundle, to be spoiled."""
    return Path(shutil.copytree(MODELS / "mtcnn", tmp_path / "mtcnn"))


def rewrite(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def truncate(bundle: Path) -> None:
    path = bundle / "rnet.dynamic.tflite"
    path.write_bytes(path.read_bytes()[:-1])


def alter(bundle: Path) -> None:
    path = bundle / "onet.dynamic.tflite"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replace_by_text(bundle: Path) -> None:
    """Something that the manifest vouches for, and yet is no model."""
    text = b"not a model, however long " * 10
    (bundle / "pnet.dynamic.tflite").write_bytes(text)

    def vouch(manifest: dict[str, Any]) -> None:
        for file in manifest["files"]:
            if file["path"] == "pnet.dynamic.tflite":
                file |= {"sha256": hashlib.sha256(text).hexdigest(), "size": len(text)}

    rewrite(bundle, vouch)


def drop_rnet(manifest: dict[str, Any]) -> None:
    files = manifest["files"]
    manifest["files"] = [f for f in files if (f["net"], f["form"]) != ("rnet", "dynamic")]


SPOILED = [
    (truncate, r"rnet.dynamic.tflite: expected \d+ bytes, found \d+; .*install the bundle again"),
    (alter, r"onet.dynamic.tflite: its SHA-256 differs .*install the bundle again"),
    (replace_by_text, "model pnet: the runtime refuses it"),
    (lambda b: (b / "pnet.dynamic.tflite").unlink(), r"pnet.dynamic.tflite: No such file.*install"),
    (lambda b: (b / "manifest.json").unlink(), "cannot read manifest.json"),
    (lambda b: rewrite(b, lambda m: m.update(schema=2)), "schema 2, expected 1; update maskgate"),
    (lambda b: rewrite(b, drop_rnet), "no rnet in form dynamic; it holds pnet"),
    (
        lambda b: rewrite(b, lambda m: m.update(task="mask-classification")),
        "is for mask-classification, expected face-detection; set detector.bundle",
    ),
]


@pytest.mark.parametrize(("spoil", "error"), SPOILED)
def test_a_spoiled_bundle_is_refused_by_name(
    bundle: Path, spoil: Callable[[Path], object], error: str
) -> None:
    spoil(bundle)
    with pytest.raises(MaskGateError, match=error) as refused:
        cascade(Detector(bundle=bundle))
    assert "\n" not in str(refused.value)
