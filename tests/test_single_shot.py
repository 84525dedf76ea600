"""The single-shot detector, as its bundle ships."""

import gc
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.frames import astronaut, group
from edge.bundle import MODELS, load_bundle
from edge.config import Detector
from edge.demo.source import Demo
from edge.errors import MaskGateError
from edge.finder import detector_in
from edge.values import Box, Pixels
from edge.vision.net import Net
from edge.vision.single_shot import LARGEST, SingleShot, picture_sizes

FACE = Box(178, 80, 270, 182)
"""In the astronaut's photo."""


def detector(**settings: float) -> SingleShot:
    opened = detector_in(load_bundle(MODELS / "maskgate"), Detector(**settings))
    assert isinstance(opened, SingleShot)
    return opened


@pytest.fixture(scope="module")
def photo() -> Pixels:
    return astronaut()


def test_it_finds_a_face_where_it_is_with_its_landmarks_in_it(photo: Pixels) -> None:
    face, *others = detector().detect(photo)
    assert not others
    assert face.box.overlap(FACE) > 0.7
    points = face.landmarks.points
    assert all(face.box.left < x < face.box.right for x, _ in points)
    assert points[0][0] < points[1][0]
    assert points[0][1] < points[2][1] < points[3][1]


@pytest.mark.parametrize("scale", [0.5, 3.0, 6.0])
def test_small_and_very_large_faces_are_found_at_their_places(photo: Pixels, scale: float) -> None:
    shown = np.asarray(cv2.resize(photo, None, fx=scale, fy=scale), np.uint8)
    best = detector().detect(shown)[0]
    there = Box(*(side * scale for side in (FACE.left, FACE.top, FACE.right, FACE.bottom)))
    assert best.box.overlap(there) > 0.6


def test_each_face_of_a_group_is_found_once_the_surest_first() -> None:
    faces = detector().detect(group(3))
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)
    assert len(faces) >= 3
    for number, face in enumerate(faces):
        assert all(face.box.overlap(other.box) < 0.45 for other in faces[number + 1 :])


@pytest.mark.parametrize(("top", "left"), [(100, 200), (0, 236)])
def test_boxes_end_at_the_frames_edge(photo: Pixels, top: int, left: int) -> None:
    """The second cut leaves a face in doubt, which is looked at again."""
    cut = np.ascontiguousarray(photo[top:, left:])
    height, width = cut.shape[:2]
    for face in detector(score_threshold=0.2).detect(cut):
        assert 0 <= face.box.left < face.box.right <= width - 1
        assert 0 <= face.box.top < face.box.bottom <= height - 1


def test_a_higher_score_threshold_leaves_fewer_faces(photo: Pixels) -> None:
    counts = [len(detector(score_threshold=share).detect(photo)) for share in (0.1, 0.5, 0.999)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0


def test_a_frame_of_another_type_is_refused(photo: Pixels) -> None:
    with pytest.raises(ValueError, match="uint8, height x width x 3"):
        detector().detect(photo.astype(np.float32))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("frame", "scale", "count"), [((640, 480), 0.5, 2), ((160, 120), 1.0, 1), ((4000, 3000), 1, 4)]
)
def test_a_frame_is_shown_smaller_until_no_face_is_too_large(
    frame: tuple[int, int], scale: float, count: int
) -> None:
    sizes = picture_sizes(frame, scale)
    assert sizes[0] == (round(frame[0] * scale), round(frame[1] * scale))
    assert min(sizes[-1]) <= LARGEST
    assert len(sizes) == count


def test_a_bundle_that_does_not_say_how_its_net_is_shown_faces_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(MODELS / "maskgate", tmp_path / "bundle"))
    manifest = folder / "manifest.json"
    said = json.loads(manifest.read_text())
    for missing in ("smallest", "threshold", "doubt"):
        manifest.write_text(json.dumps({key: said[key] for key in said if key != missing}))
        bundle = load_bundle(folder)
        assert getattr(bundle.manifest, missing) is None
        with pytest.raises(MaskGateError, match="expected smallest, threshold and doubt beside"):
            detector_in(bundle, Detector())


@pytest.mark.parametrize("form", ["dynamic", "float32"])
@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (1, 700), (31, 33), (40, 41), (64, 32), (3000, 14)]
)
def test_a_picture_of_any_size_can_be_searched(form: str, width: int, height: int) -> None:
    settings = Detector.model_validate({"form": form, "min_face": 12})
    finder = detector_in(load_bundle(settings.bundle), settings)
    assert finder.detect(np.full((height, width, 3), 90, np.uint8)) == []


def test_frames_of_many_sizes_do_not_pile_up_nets() -> None:
    finder = detector()
    for width in range(200, 330, 3):
        finder.detect(np.full((200, width, 3), 90, np.uint8))
    gc.collect()
    assert sum(type(thing) is Net for thing in gc.get_objects()) <= 6


def test_the_time_inside_the_interpreters_is_counted(photo: Pixels) -> None:
    finder = detector()
    assert finder.invoke_seconds == 0
    finder.detect(photo)
    assert 0 < finder.invoke_seconds < 10


def heedless_of_onet(folder: Path) -> SingleShot:
    bundle = Path(shutil.copytree(MODELS / "maskgate", folder / "bundle"))
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps(manifest | {"doubt": 0.0}))
    opened = detector_in(load_bundle(bundle), Detector(score_threshold=0.05))
    assert isinstance(opened, SingleShot)
    return opened


def test_a_closer_look_doubts_what_is_no_face_and_leaves_faces_as_sure(
    photo: Pixels, tmp_path: Path
) -> None:
    plain, closer = heedless_of_onet(tmp_path), detector(score_threshold=0.05)
    before, after = (one.detect(photo) for one in (plain, closer))
    sure = [max(faces, key=lambda face: face.box.overlap(FACE)) for faces in (before, after)]
    assert sure[0].score == pytest.approx(sure[1].score)
    assert len(after) < len(before)


def test_after_a_closer_look_landmarks_are_those_of_the_stock_detector(photo: Pixels) -> None:
    [face] = detector().detect(photo)
    settings = Detector(kind="mtcnn", min_face=40)
    [stock] = detector_in(load_bundle(settings.bundle), settings).detect(photo)
    apart = np.subtract(face.landmarks.points, stock.landmarks.points)
    assert np.hypot(*apart.T).mean() < 0.05 * (stock.box.right - stock.box.left)


def test_the_sign_that_asks_for_a_mask_is_no_face() -> None:
    hall = Demo().read()
    assert hall is not None
    sign = Box(509, 85, 575, 151)
    for min_face in (20, 30, 40, 60):
        for face in detector(min_face=min_face).detect(hall):
            assert face.box.overlap(sign) < 0.1
