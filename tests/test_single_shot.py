"""The single-shot detector, as its bundle ships."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.frames import astronaut, group
from edge.bundle import MODELS, load_bundle
from edge.config import Detector
from edge.errors import MaskGateError
from edge.finder import detector_in
from edge.values import Box, Pixels
from edge.vision.single_shot import LARGEST, SingleShot, picture_sizes

FACE = Box(178, 80, 270, 182)
"""In the astronaut's photo."""


def detector(**settings: float) -> SingleShot:
    opened = detector_in(
        load_bundle(MODELS / "single_shot"), Detector(kind="single-shot", **settings)
    )
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


def test_boxes_end_at_the_frames_edge(photo: Pixels) -> None:
    cut = np.ascontiguousarray(photo[100:, 200:])
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
    folder = Path(shutil.copytree(MODELS / "single_shot", tmp_path / "bundle"))
    manifest = folder / "manifest.json"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if '"smallest": 20.0,' not in line[:20]))
    bundle = load_bundle(folder)
    assert bundle.manifest.smallest is None
    with pytest.raises(MaskGateError, match="expected smallest and threshold"):
        detector_in(bundle, Detector(kind="single-shot"))
