"""Reading data folders: what is used, what is skipped and why."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import MaskGateError
from edge.values import Box
from train.data.annotations import BARE, MASKED, Annotations, read_folders
from train.data.checking import check_rows, require_few_skipped, unused_mappings

IMAGES = "Medical mask/Medical mask/Medical Mask/images"
NO_MAP: dict[str, str] = {}


def write_picture(path: Path, width: int = 80, height: int = 60) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))


def kaggle(folder: Path, rows: list[str]) -> Path:
    write_picture(folder / IMAGES / "1.jpg")
    (folder / "train.csv").write_text("\n".join(["name,x1,x2,y1,y2,classname", *rows]) + "\n")
    return folder


def write_json(folder: Path, name: str, faces: list[tuple[object, str]]) -> None:
    place = folder / IMAGES / ".." / "annotations"
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    place.mkdir(exist_ok=True)
    items = [{"BoundingBox": box, "classname": label} for box, label in faces]
    (place / f"{name}.json").write_text(json.dumps({"FileName": name, "Annotations": items}))


def write_voc(folder: Path, content: str | bytes, name: str = "a") -> None:
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    (folder / "images").mkdir(exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    (folder / "annotations" / f"{name}.xml").write_bytes(data)


def voc_text(filename: str = "a.jpg", label: str = BARE) -> str:
    return (
        f"<annotation><filename>{filename}</filename><object><name>{label}</name><bndbox>"
        "<xmin>1</xmin><ymin>2</ymin><xmax>31</xmax><ymax>42</ymax></bndbox></object></annotation>"
    )


def read(*folders: Path, mapping: dict[str, str] = NO_MAP) -> Annotations:
    return check_rows(read_folders(folders, mapping), mapping, lambda _path, _pixels: None)


def test_the_kaggle_columns_hold_left_top_right_bottom(tmp_path: Path) -> None:
    (face,) = read(kaggle(tmp_path, ["1.jpg,10,20,30,50,face_with_mask"])).faces
    assert (face.box, face.label) == (Box(left=10, top=20, right=30, bottom=50), MASKED)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("1.jpg,30,20,10,50,face_with_mask", "box is empty or inverted"),
        ("1.jpg,10,20,10,50,face_with_mask", "box is empty or inverted"),
        ("1.jpg,a,20,30,50,face_with_mask", "box is not four numbers"),
        ("1.jpg,nan,20,30,50,face_with_mask", "box is not four numbers"),
        ("1.jpg,10,20,inf,50,face_with_mask", "box is not four numbers"),
        ("1.jpg,10,20", "unknown class"),
        ("1.jpg,,,,,face_no_mask", "box is not four numbers"),
        ("1.jpg,200,20,230,50,face_no_mask", "box lies outside the picture"),
        ("2.jpg,10,20,30,50,face_no_mask", "picture is missing"),
        (f"{'n' * 300}.jpg,10,20,30,50,face_no_mask", "picture is missing"),
        ("broken.jpg,10,20,30,50,face_no_mask", "picture cannot be read"),
        ("../1.jpg,10,20,30,50,face_no_mask", "picture's name leaves the folder"),
        ("/etc/1.jpg,10,20,30,50,face_no_mask", "picture's name leaves the folder"),
        ("..\\1.jpg,10,20,30,50,face_no_mask", "picture's name leaves the folder"),
        (",10,20,30,50,face_no_mask", "picture's name leaves the folder"),
        ("1.jpg,10,20,30,50,helmit", "unknown class"),
        ("1.jpg,1,2,31,42,face_with_mask", "another row says the same"),
        ("1.jpg,1,2,31,42,face_no_mask", "another row gives this box another class"),
    ],
)
def test_a_row_at_fault_is_skipped_and_listed_with_its_reason(
    tmp_path: Path, row: str, why: str
) -> None:
    folder = kaggle(tmp_path, ["1.jpg,1,2,31,42,face_with_mask", row])
    (folder / IMAGES / "broken.jpg").write_bytes(b"no picture")
    found = read(folder)
    contradicts = "another class" in why
    assert len(found.faces) == (0 if contradicts else 1)
    assert found.reasons == {why: 2 if contradicts else 1}
    skipped = found.skipped[-1]
    assert (skipped.collection, skipped.where) == (tmp_path.name, "train.csv line 3")


def test_a_box_beyond_the_picture_is_clipped_and_listed(tmp_path: Path) -> None:
    found = read(kaggle(tmp_path, ["1.jpg,-5,-1,30,99,face_no_mask"]))
    assert [face.box for face in found.faces] == [Box(0, 0, 30, 60)]
    assert found.clipped == [
        f"{tmp_path.name}, train.csv line 2: -5, -1, 30, 99 in 1.jpg of 80 x 60 pixels"
    ]
    assert not found.skipped


def test_other_classes_of_the_dataset_are_counted_and_are_no_fault(tmp_path: Path) -> None:
    rows = ["1.jpg,1,2,31,42,face_with_mask", *["1.jpg,5,5,9,9,hat"] * 3]
    found = read(kaggle(tmp_path, rows))
    assert (len(found.faces), found.unused, found.skipped) == (1, {"hat": 3}, [])


def test_a_face_under_10_pixels_is_left_out_and_counted(tmp_path: Path) -> None:
    found = read(kaggle(tmp_path, ["1.jpg,1,2,10,9,face_with_mask"]))
    assert (found.faces, found.tiny, found.skipped) == ([], 1, [])


def test_a_mapping_gives_another_class_a_label_and_a_class_nobody_has_is_told(
    tmp_path: Path,
) -> None:
    mapping = {"face_with_mask_incorrect": BARE, "hatt": MASKED}
    folder = kaggle(tmp_path, ["1.jpg,1,2,31,42,face_with_mask_incorrect"])
    (face,) = read(folder, mapping=mapping).faces
    assert face.label == BARE
    assert unused_mappings(read_folders([folder], mapping), mapping) == ["hatt"]


def test_a_mapping_to_an_unknown_label_is_refused(tmp_path: Path) -> None:
    from train.data.dataset import load_dataset

    folder = kaggle(tmp_path, ["1.jpg,1,2,31,42,hat"])
    with pytest.raises(MaskGateError, match="--map hat=masked: expected hat=face_with_mask or"):
        load_dataset([folder], mapping={"hat": "masked"})


def test_the_json_files_are_used_where_train_csv_has_no_row(tmp_path: Path) -> None:
    folder = kaggle(tmp_path, ["1.jpg,1,2,31,42,face_with_mask"])
    write_json(folder, "1.jpg", [([1, 2, 31, 42], "face_with_mask")])
    write_picture(folder / IMAGES / "2.png")
    write_json(folder, "2.png", [([3, 4, 30, 40], "face_no_mask")])
    found = read(folder)
    assert [(face.picture.name, face.label) for face in found.faces] == [
        ("1.jpg", MASKED),
        ("2.png", BARE),
    ]
    assert found.differing == []


def test_without_train_csv_the_json_files_are_enough(tmp_path: Path) -> None:
    write_picture(tmp_path / IMAGES / "2.png")
    write_json(tmp_path, "2.png", [([3, 4, 30, 40], "face_no_mask")])
    (face,) = read(tmp_path).faces
    assert face.box == Box(3, 4, 30, 40)


def test_rows_that_differ_from_the_json_are_listed_and_train_csv_counts(tmp_path: Path) -> None:
    folder = kaggle(tmp_path, ["1.jpg,1,2,31,42,face_with_mask"])
    write_json(folder, "1.jpg", [([1, 2, 31, 42], "face_no_mask")])
    found = read(folder)
    assert [face.label for face in found.faces] == [MASKED]
    assert found.differing == [
        "1.jpg: only train.csv has face_with_mask at 1, 2, 31, 42",
        "1.jpg: only its JSON file has face_no_mask at 1, 2, 31, 42",
    ]


def test_test_photos_are_counted_and_not_used(tmp_path: Path) -> None:
    folder = kaggle(tmp_path, ["1.jpg,1,2,31,42,face_with_mask"])
    (folder / "submission.csv").write_text("name,x1\n2.png,\n2.png,\n")
    write_picture(folder / IMAGES / "2.png")
    write_json(folder, "2.png", [([3, 4, 30, 40], "face_no_mask")])
    found = read(folder)
    assert (len(found.faces), found.test_photos) == (1, 1)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"FileName": "2.png"}',
        '{"FileName": "2.png", "Annotations": [1]}',
        '{"FileName": "2.png", "Annotations": [{"classname": "face_no_mask"}]}',
        "[" * 100_000,
        "\x00",
    ],
)
def test_a_broken_json_file_is_one_fault(tmp_path: Path, content: str) -> None:
    folder = kaggle(tmp_path, ["1.jpg,1,2,31,42,face_with_mask"])
    write_json(folder, "2.png", [])
    (folder / IMAGES / ".." / "annotations" / "2.png.json").write_text(content)
    found = read(folder)
    assert found.reasons == {"annotation file is broken": 1}
    assert found.skipped[0].where == "annotations/2.png.json"


BOMB = (
    '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    "<annotation><filename>&c;</filename></annotation>"
)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<annotation>",
        "no XML",
        BOMB,
        BOMB.encode("utf-16"),
        b"\xff\xfe\x00",
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>',
        '<?xml version="1.0" encoding="nonsense"?><annotation/>',
    ],
)
def test_a_broken_or_hostile_xml_file_is_one_fault(tmp_path: Path, content: str | bytes) -> None:
    write_voc(tmp_path, voc_text())
    write_picture(tmp_path / "images" / "a.jpg")
    write_voc(tmp_path, content, "b")
    found = read(tmp_path)
    assert len(found.faces) == 1
    assert found.reasons == {"annotation file is broken": 1}


def test_voc_pictures_share_the_group_of_the_photo_they_repeat(tmp_path: Path) -> None:
    write_voc(tmp_path, voc_text())
    write_picture(tmp_path / "images" / "a.jpg")
    (tmp_path / "same_photo.csv").write_text("name,scenes_name\na.jpg,1.jpg\n")
    (face,) = read(tmp_path).faces
    assert (face.box, face.group) == (Box(1, 2, 31, 42), "photo 1.jpg")


def test_crops_are_named_by_their_folder_and_grouped_by_groups_csv(tmp_path: Path) -> None:
    for name in (f"{MASKED}/1.png", f"{MASKED}/2.PNG", f"{BARE}/1.png"):
        write_picture(tmp_path / name)
    (tmp_path / MASKED / "notes.txt").write_text("")
    (tmp_path / "groups.csv").write_text(
        f"file,duplicate_group\n{MASKED}/1.png,g1\n{MASKED}/2.PNG,g1\n"
    )
    found = read(tmp_path)
    assert [face.label for face in found.faces] == [BARE, MASKED, MASKED]
    assert found.faces[1].group == found.faces[2].group != found.faces[0].group
    assert all(face.box is None for face in found.faces)
    assert found.reasons == {"not a picture file": 1}


def test_folders_of_one_name_stay_apart(tmp_path: Path) -> None:
    folders = []
    for parent in ("a", "b"):
        write_picture(tmp_path / parent / "crops" / MASKED / "1.png")
        folders.append(tmp_path / parent / "crops")
    found = read(*folders)
    assert len({face.collection for face in found.faces}) == 2
    assert len({face.group for face in found.faces}) == 2


@pytest.mark.parametrize("faults", [1, 2])
def test_more_than_5_percent_skipped_stops_with_the_reasons(tmp_path: Path, faults: int) -> None:
    good = [f"1.jpg,1,2,{20 + number},42,face_with_mask" for number in range(24)]
    bad = [f"{number}.png,1,2,30,42,face_no_mask" for number in range(faults)]
    found = read(kaggle(tmp_path, good + bad))
    if faults == 1:
        require_few_skipped(found)
        return
    with pytest.raises(MaskGateError) as caught:
        require_few_skipped(found)
    text = str(caught.value)
    assert text.startswith("data: 2 of 26 faces (8%) would be skipped, more than 5%")
    assert f"picture is missing: 2, e.g. {tmp_path.name}, train.csv line 26" in text
    assert "--allow-skipped" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,x1\n", "expected the columns classname, x2, y1, y2 too"),
        (b"\xff\xfe\x00\x01", "expected a CSV file in UTF-8"),
        (b"", "expected the columns"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "train.csv").write_bytes(content)
    with pytest.raises(MaskGateError, match=message):
        read_folders([tmp_path], {})


def test_a_folder_of_no_known_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MaskGateError, match="found none of these"):
        read_folders([tmp_path], {})
    with pytest.raises(MaskGateError, match="there is no such folder"):
        read_folders([tmp_path / "gone"], {})


def test_a_folder_named_twice_is_refused(tmp_path: Path) -> None:
    kaggle(tmp_path, [])
    with pytest.raises(MaskGateError, match="named twice"):
        read_folders([tmp_path, tmp_path / "." / ""], {})
