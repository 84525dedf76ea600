"""Photos with their faces, as a detector learns from them."""

from pathlib import Path

import cv2
import numpy as np

from benchmarks.frames import astronaut
from edge.bundle import MODELS, load_bundle
from edge.config import Detector
from edge.finder import detector_in
from edge.values import Box, Landmarks
from edge.vision.boxes import overlaps
from train.data.annotations import BARE, MASKED, LabelledFace
from train.data.patches import Patch, make_patch
from train.data.rows import Reading, Row
from train.detector.photos import ENOUGH, collect_photos

MARKS = Landmarks((60, 60), (90, 60), (75, 78), (63, 92), (87, 92))


def labelled(name: str, label: str, box: Box | None) -> LabelledFace:
    return LabelledFace(Path(name), label, box, f"group {name}", "drawn")


def both_views(face: LabelledFace, found: Box) -> list[Patch]:
    pixels = np.zeros((300, 300, 3), np.uint8)
    around = face.box or Box(0, 0, 300, 300)
    return [make_patch(pixels, face, around), make_patch(pixels, face, found, MARKS)]


def test_a_crops_box_is_the_detectors_moved_to_where_people_draw() -> None:
    # People draw the box of each face 10 pixels lower than the detector: half its height.
    patches = []
    for number in range(ENOUGH):
        face = labelled(f"{number}.png", BARE, Box(100, 110, 120, 130))
        patches += both_views(face, Box(100, 100, 120, 120))
    patches += both_views(labelled("crop.png", MASKED, None), Box(50, 50, 150, 150))
    crop = collect_photos(patches, [])[-1]
    assert crop.path == Path("crop.png")
    assert crop.is_crop
    np.testing.assert_allclose(crop.boxes, [[50, 100, 150, 200]])
    assert crop.masked.all()


def test_a_crop_in_which_no_face_was_found_is_left_out() -> None:
    pixels = np.zeros((300, 300, 3), np.uint8)
    crop = labelled("crop.png", MASKED, None)
    assert collect_photos([make_patch(pixels, crop, Box(0, 0, 300, 300))], []) == []


def test_a_crop_in_which_only_the_second_detector_finds_a_face_gets_its_largest_box(
    tmp_path: Path,
) -> None:
    # People draw 10 pixels lower than the first detector: the second already boxes as they do.
    patches = []
    for number in range(ENOUGH):
        face = labelled(f"{number}.png", BARE, Box(100, 110, 120, 130))
        patches += both_views(face, Box(100, 100, 120, 120))
    crop, pixels = tmp_path / "crop.png", astronaut()
    cv2.imwrite(str(crop), pixels[:, :, ::-1])
    whole = Box(0, 0, pixels.shape[1], pixels.shape[0])
    patches.append(make_patch(pixels, labelled(str(crop), MASKED, None), whole))
    detector = detector_in(load_bundle(MODELS / "maskgate"), Detector())
    taken = {photo.path: photo for photo in collect_photos(patches, [], detector)}[crop]
    (face,) = detector.detect(pixels)
    np.testing.assert_allclose(
        taken.boxes, [[face.box.left, face.box.top, face.box.right, face.box.bottom]]
    )
    assert taken.is_crop
    assert taken.masked.all()
    assert not taken.landmarks
    assert crop not in {photo.path for photo in collect_photos(patches, [])}


def test_landmarks_come_back_to_where_they_are_in_the_photo() -> None:
    patches = both_views(labelled("a.png", BARE, Box(50, 40, 100, 110)), Box(52, 44, 98, 100))
    (photo,) = collect_photos(patches, [])
    np.testing.assert_allclose(photo.landmarks[0].nose, MARKS.nose, atol=0.01)


def test_boxes_of_other_classes_are_neither_faces_nor_background() -> None:
    patches = both_views(labelled("a.png", BARE, Box(50, 40, 100, 110)), Box(52, 44, 98, 100))
    rows = [
        Row(f"line {number}", Path(), "a.png", name, sides, "")
        for number, (name, sides) in enumerate(
            [(BARE, (50, 40, 100, 110)), ("hat", (150, 20, 190, 60)), ("hat", ("?", 1, 2, 3))]
        )
    ]
    (photo,) = collect_photos(patches, [Reading("drawn", rows)])
    np.testing.assert_allclose(photo.others, [[150, 20, 190, 60]])


def test_overlaps_of_nothing_are_nothing() -> None:
    assert overlaps(np.empty((0, 4)), np.ones((2, 4))).shape == (0, 2)
