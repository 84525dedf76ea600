"""Near-duplicates and the split that keeps them together."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.demo.portraits import COLLINS, HOPPER, find_photo
from edge.sources.pictures import read_picture
from edge.values import Box, Landmarks, Pixels
from train.data.annotations import BARE, MASKED, LabelledFace
from train.data.duplicates import FACE, LARGEST_GROUP, PHOTO, Groups, Looks
from train.data.patches import Patch, make_patch
from train.data.split import split


@pytest.fixture(scope="module")
def portraits() -> list[Pixels]:
    return [read_picture(find_photo(portrait)) for portrait in (COLLINS, HOPPER)]


def compressed(pixels: Pixels) -> Pixels:
    _, code = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 20])
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)


def moved(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    return pixels[height // 20 :, : -width // 30]


CHANGES = {
    "compressed": compressed,
    "smaller": lambda pixels: cv2.resize(pixels, (90, 110), interpolation=cv2.INTER_AREA),
    "brighter": lambda pixels: cv2.convertScaleAbs(pixels, alpha=1.2, beta=25),
    "darker": lambda pixels: cv2.convertScaleAbs(pixels, alpha=0.5),
    "grey": lambda pixels: np.repeat(pixels[:, :, 1:2], 3, axis=2),
    "mirrored": lambda pixels: pixels[:, ::-1],
    "moved": moved,
    "noisy": lambda pixels: cv2.add(
        pixels, np.random.default_rng(0).integers(0, 30, pixels.shape, np.uint8)
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("person", [0, 1])
def test_a_changed_copy_is_found_and_another_person_is_not(
    portraits: list[Pixels], change: str, person: int
) -> None:
    looks = Looks()
    for pixels in (*portraits, np.ascontiguousarray(CHANGES[change](portraits[person]))):
        looks.add(pixels, PHOTO)
    pairs = [(pair.first, pair.second) for pair in looks.alike(["a", "b", "c"])]
    assert pairs == [(person, 2)]


def test_two_people_in_the_same_mask_are_two(portraits: list[Pixels]) -> None:
    # The masked half is the same, and the whole as dark and as light.
    one, two = (cv2.resize(pixels, (96, 96)) for pixels in portraits)
    for pixels in (one, two):
        pixels[52:90, 20:76] = (150, 195, 215)
    looks = Looks()
    looks.add(np.asarray(one, np.uint8), FACE)
    looks.add(np.asarray(two, np.uint8), FACE)
    assert looks.alike(["a", "b"]) == []


def test_pictures_of_the_same_light_and_other_details_are_two(portraits: list[Pixels]) -> None:
    light = cv2.GaussianBlur(cv2.resize(portraits[0], (96, 96)), (0, 0), 4)
    looks = Looks()
    for seed in (0, 0, 1):
        noise = np.random.default_rng(seed).normal(0, 30, (24, 24, 1)).repeat(3, axis=2)
        details = cv2.resize(noise, (96, 96), interpolation=cv2.INTER_LINEAR)
        looks.add(np.clip(light + details, 0, 255).astype(np.uint8), FACE)
    assert [(pair.first, pair.second) for pair in looks.alike(["a", "b", "c"])] == [(0, 1)]


def test_pairs_within_one_group_and_pictures_of_one_colour_are_no_news(
    portraits: list[Pixels],
) -> None:
    looks = Looks()
    looks.add(portraits[0], PHOTO)
    looks.add(portraits[0], PHOTO)
    looks.add(np.full((20, 20, 3), 7, np.uint8), PHOTO)
    looks.add(np.full((20, 20, 3), 9, np.uint8), PHOTO)
    assert looks.alike(["a", "a", "b", "c"]) == []
    assert Looks().alike([]) == []


def test_likeness_makes_no_giant_group() -> None:
    groups = Groups((f"g{number:03}", number) for number in range(3 * LARGEST_GROUP))
    for number in range(3 * LARGEST_GROUP - 1):
        groups.join(f"g{number:03}", f"g{number + 1:03}")
    sizes = Counter(groups.of(f"g{number:03}") for number in range(3 * LARGEST_GROUP))
    assert max(sizes.values()) == LARGEST_GROUP
    assert groups.refused == 2


def patches_of(groups: int, each: int) -> list[Patch]:
    photo, box = np.zeros((8, 8, 3), np.uint8), Box(2, 2, 6, 6)
    patches = []
    for number in range(groups * each):
        label, collection = (BARE, MASKED)[number % 3 == 0], ("a", "b")[number % 7 == 0]
        picture = Path(f"{collection}/{number}.jpg")
        face = LabelledFace(picture, label, box, f"photo {number // each}", collection)
        patches.append(make_patch(photo, face, box))
    return patches


def test_no_group_is_on_both_sides_of_the_split() -> None:
    patches = patches_of(200, 5)
    training, validation = split(patches)
    assert not {patch.group for patch in training} & {patch.group for patch in validation}
    assert Counter(training + validation) == Counter(patches)
    assert split(patches)[1] == validation
    assert split(patches, seed=1)[1] != validation


def test_each_class_of_each_collection_is_split_alike() -> None:
    patches = patches_of(200, 5)
    counts = Counter((patch.face.collection, patch.label) for patch in patches)
    held = Counter((patch.face.collection, patch.label) for patch in split(patches)[1])
    for kind, count in counts.items():
        assert abs(held[kind] / count - 0.12) < 0.03, kind


def test_the_split_by_rows_leaks() -> None:
    training, validation = split(patches_of(200, 5), "rows")
    seen = {patch.group for patch in training}
    assert np.mean([patch.group in seen for patch in validation]) > 0.9
    assert 100 <= len(validation) <= 140


def test_both_views_of_a_face_stay_together_even_by_rows() -> None:
    patches = [patch for patch in patches_of(60, 1) for _ in range(2)]
    training, validation = split(patches, "rows")
    assert validation
    assert not {patch.face for patch in training} & {patch.face for patch in validation}


@pytest.mark.parametrize("seed", range(4))
def test_the_share_is_one_of_faces_however_many_views_they_have(seed: int) -> None:
    landmarks = Landmarks((2, 2), (4, 2), (3, 3), (2, 4), (4, 4))
    patches = []
    for number in range(100):
        face = LabelledFace(Path(f"{number}.jpg"), BARE, Box(2, 2, 6, 6), f"{number}", "a")
        patches.append(make_patch(np.zeros((8, 8, 3), np.uint8), face, Box(2, 2, 6, 6)))
        views = [replace(patches[-1], landmarks=landmarks)] * 49
        patches += views if number < 2 else []
    assert len({patch.face for patch in split(patches, seed=seed)[1]}) == 12


def test_the_split_does_not_depend_on_the_order_of_the_folders() -> None:
    patches = patches_of(60, 3)
    assert {patch.group for patch in split(patches)[1]} == {
        patch.group for patch in split(patches[::-1])[1]
    }
