"""Where the motion gate has a frame searched: pictures of an entrance, and what moves there."""

from collections.abc import Callable, Iterable

import cv2
import numpy as np
import pytest

from edge.demo.entrance import DESK, entrance
from edge.demo.figure import Clothing, CutOut, Figure
from edge.demo.portraits import COLLINS, HOPPER
from edge.values import Box, Frame, Pixels
from edge.vision.gate import LINGER, WHOLE_EVERY, Gate, Look
from edge.vision.motion import FEW

RATE = 15.0
MIN_FACE = 40.0
SETTLED = 20
"""Frames after which the noise is known, and what the first ones began has come to rest."""
ENTRANCE = entrance()
PERSON = Figure(CutOut(COLLINS), Clothing())
Noise = Callable[[Pixels], Pixels]


def grain(sigma: float) -> Noise:
    """A sensor's noise, other in each frame."""
    chance = np.random.default_rng(1)

    def add(pixels: Pixels) -> Pixels:
        noisy = pixels + chance.normal(0, sigma, pixels.shape).astype(np.float32)
        return np.clip(noisy, 0, 255).astype(np.uint8)

    return add


def compressed(quality: int) -> Noise:
    """A sensor's noise, and what a JPEG makes of it."""
    add = grain(3)

    def squeeze(pixels: Pixels) -> Pixels:
        _, data = cv2.imencode(".jpg", add(pixels), [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

    return squeeze


NOISES = {
    "none": lambda: grain(0),
    "little": lambda: grain(2),
    "much": lambda: grain(8),
    "jpeg": lambda: compressed(50),
}


def brighter(pixels: Pixels, gain: float) -> Pixels:
    return np.clip(pixels * np.float32(gain), 0, 255).astype(np.uint8)


def with_person(x: float, y: float = 180, face: float = 60, figure: Figure = PERSON) -> Pixels:
    pixels = ENTRANCE.copy()
    figure.set_into(pixels, x, y, face, DESK)
    return pixels


def box_of(x: float, y: float = 180, face: float = 60) -> Box:
    return Box(x - 0.4 * face, y - face / 2, x + 0.4 * face, y + face / 2)


def looks(pictures: Iterable[Pixels], gate: Gate | None = None) -> list[Look]:
    gate = gate or Gate(MIN_FACE)
    return [
        gate.plan(Frame(pixels, "entrance", number, number / RATE, number / RATE), [], [])
        for number, pixels in enumerate(pictures)
    ]


def reasons(pictures: Iterable[Pixels]) -> list[str]:
    return [look.reason for look in looks(pictures)]


# Nothing moves


@pytest.mark.parametrize("noise", NOISES)
def test_a_still_entrance_is_searched_whole_now_and_then_only(noise: str) -> None:
    add = NOISES[noise]()
    found = reasons(add(ENTRANCE) for _ in range(150))
    assert found[0] == "first"
    assert set(found[1:FEW]) == {"noisy"}
    later = found[FEW + LINGER :]
    assert set(later) == {"still", "due"}
    assert later.count("due") == pytest.approx(len(later) / RATE / WHOLE_EVERY, abs=1)


def test_frames_that_come_twice_do_not_hide_the_noise() -> None:
    add = grain(6)
    pictures = [add(ENTRANCE) for _ in range(60)]
    found = reasons(pictures[number // 2] for number in range(120))
    assert found[SETTLED:].count("still") > 0.9 * len(found[SETTLED:])


def test_a_lamp_that_flickers_over_everything_is_no_movement() -> None:
    add = grain(3)
    found = reasons(add(brighter(ENTRANCE, 0.96 + 0.04 * (n % 2))) for n in range(90))
    assert set(found[SETTLED:]) <= {"still", "due"}


def test_a_cloud_is_no_movement_until_the_nets_may_see_another_picture() -> None:
    add = grain(3)
    found = reasons(add(brighter(ENTRANCE, 1 - 0.004 * n)) for n in range(100))
    later = found[SETTLED:]
    assert set(later) <= {"still", "due", "changed", "moved"}
    assert later.count("still") > 0.8 * len(later)


# Everything moves


def test_a_frame_too_small_to_tell_movement_is_searched() -> None:
    tiny = np.ascontiguousarray(ENTRANCE[:7])
    assert reasons([tiny] * 3) == ["first", "tiny", "tiny"]


def test_a_frame_of_another_size_is_searched_whole() -> None:
    found = reasons([ENTRANCE] * SETTLED + [np.ascontiguousarray(ENTRANCE[:240])] * 2)
    assert found[SETTLED : SETTLED + 2] == ["first", "noisy"]


@pytest.mark.parametrize(
    "change",
    [
        lambda pixels: brighter(pixels, 1.4),
        lambda pixels: brighter(pixels, 0.4),
        lambda pixels: np.roll(pixels, 25, axis=1),
        lambda pixels: np.ascontiguousarray(pixels[:, ::-1]),
    ],
    ids=["light on", "light off", "camera moved", "another view"],
)
def test_the_whole_is_searched_at_once_when_the_whole_picture_changes(
    change: Callable[[Pixels], Pixels],
) -> None:
    add = grain(3)
    pictures = [add(ENTRANCE) for _ in range(SETTLED)]
    after = [add(change(ENTRANCE)) for _ in range(SETTLED)]
    found = looks(pictures + after)
    assert found[SETTLED].regions is None
    # What has changed for good is not news for long.
    assert {look.reason for look in found[SETTLED + LINGER + 1 :]} <= {"still", "due"}


def test_a_picture_too_noisy_to_tell_movement_is_searched_whole_each_time() -> None:
    chance = np.random.default_rng(2)

    def snow() -> Pixels:
        coarse = chance.normal(0, 25, (30, 40, 3)).astype(np.float32)
        return np.clip(ENTRANCE + cv2.resize(coarse, (640, 480)), 0, 255).astype(np.uint8)

    found = looks(snow() for _ in range(60))
    assert all(look.regions is None for look in found)


# Something moves


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("figure", [PERSON, Figure(CutOut(HOPPER), Clothing())], ids=["1", "2"])
def test_who_walks_in_is_searched_in_each_frame_and_little_else(noise: str, figure: Figure) -> None:
    add = NOISES[noise]()
    places = [None] * SETTLED + [-60 + 6 * n for n in range(100)]
    pictures = [add(ENTRANCE if x is None else with_person(x, figure=figure)) for x in places]
    found = looks(pictures)
    parts = 0
    for x, look in zip(places, found, strict=True):
        if x is not None and 0 < x < 640:
            assert look.covers(box_of(x))
            parts += look.regions is not None
    assert parts > 40


@pytest.mark.parametrize("noise", NOISES)
def test_the_smallest_face_that_appears_is_searched_at_once(noise: str) -> None:
    add = NOISES[noise]()
    pictures = [add(ENTRANCE) for _ in range(SETTLED)] + [add(with_person(320, 150, MIN_FACE))]
    look = looks(pictures)[-1]
    assert look.reason == "moved"
    assert look.covers(box_of(320, 150, MIN_FACE))


def test_a_slow_walker_is_searched_before_a_quarter_of_a_face_has_passed() -> None:
    add = grain(3)
    pictures = [add(with_person(200 + max(0, n - SETTLED) * 0.06)) for n in range(SETTLED + 250)]
    found = looks(pictures)
    searched = [
        n
        for n, look in enumerate(found[SETTLED:])
        if look.reason == "moved" and look.covers(box_of(200 + n * 0.06))
    ]
    assert searched[0] * 0.06 < 60 / 4


def test_a_place_is_searched_again_after_the_last_movement() -> None:
    found = reasons([ENTRANCE] * SETTLED + [with_person(300)] * 8)
    assert found[SETTLED:] == ["moved"] * 4 + ["still"] * 4


def test_a_crowd_is_searched_whole_and_mostly_without_looking_for_movement() -> None:
    add = grain(3)

    def crowd(number: int) -> Pixels:
        pixels = ENTRANCE.copy()
        for place in range(6):
            PERSON.set_into(pixels, 110 * place + 30 * np.sin(number + place), 180, 50, DESK)
        return add(pixels)

    empty = [add(ENTRANCE) for _ in range(SETTLED)]
    found = looks([*empty, *(crowd(number) for number in range(40)), *empty])
    crowded, after = found[SETTLED:-SETTLED], found[-SETTLED + 10 :]
    assert all(look.regions is None for look in crowded)
    assert [look.reason for look in crowded].count("busy") == pytest.approx(30, abs=3)
    assert {look.reason for look in after} <= {"still", "due"}


def test_without_parts_it_is_the_whole_or_nothing() -> None:
    add = grain(3)
    pictures = [add(with_person(max(0, n - SETTLED) * 10)) for n in range(2 * SETTLED)]
    found = looks(pictures, Gate(MIN_FACE, parts=False))
    assert all(look.regions is None for look in found[SETTLED + 1 :])
    assert found[SETTLED - 1].regions == ()


def plant(number: int) -> Pixels:
    """The entrance whose plant, at the left, sways by some pixels."""
    pixels = ENTRANCE.copy()
    sway = round(4 * np.sin(number * 0.9))
    pixels[180:300, 20:150] = np.roll(ENTRANCE[180:300, 20:150], sway, axis=1)
    return pixels


def lamp(number: int) -> Pixels:
    """The entrance with a lamp in its corner that flickers."""
    pixels = ENTRANCE.copy()
    pixels[20:80, 60:150] = brighter(pixels[20:80, 60:150], 0.7 + 0.3 * (number % 3 == 0))
    return pixels


@pytest.mark.parametrize("restless", [plant, lamp])
def test_what_never_rests_is_searched_and_hides_nobody(restless: Callable[[int], Pixels]) -> None:
    add = grain(3)
    pictures = []
    for number in range(150):
        pixels = restless(number)
        if number >= 100:
            PERSON.set_into(pixels, 6 * (number - 100), 180, 60, DESK)
        pictures.append(add(pixels))
    found = looks(pictures)
    for look in found[SETTLED:100]:
        if look.regions is not None:
            assert all(region.left + region.width <= 400 for region in look.regions)
    # Even where it never rests.
    for number, look in enumerate(found[100:]):
        if number > 4:
            assert look.covers(box_of(6 * number)), (number, look)


# Known faces


def test_a_wanted_face_is_searched_though_nothing_moves() -> None:
    gate = Gate(MIN_FACE)
    looks([ENTRANCE] * SETTLED, gate)
    box, other = box_of(300), box_of(500)
    look = gate.plan(Frame(ENTRANCE, "entrance", 99, 1.4, 1.4), [box, other], [box])
    assert look.reason == "known"
    assert look.covers(box)
    assert not look.covers(other)


def test_a_wanted_face_is_searched_with_room_for_a_step() -> None:
    gate = Gate(MIN_FACE)
    looks([ENTRANCE] * SETTLED, gate)
    box = Box(230, 200, 390, 350)
    look = gate.plan(Frame(ENTRANCE, "entrance", 99, 1.4, 1.4), [box], [box])
    assert look.regions
    for step in (-75, 75):
        assert look.covers(Box(box.left + step, box.top, box.right + step, box.bottom))


def test_all_of_a_known_face_is_searched_when_a_part_of_it_moves() -> None:
    gate = Gate(MIN_FACE)
    looks([ENTRANCE] * SETTLED, gate)
    moved = ENTRANCE.copy()
    moved[250:280, 300:340] = 0
    box = Box(200, 60, 380, 290)
    look = gate.plan(Frame(moved, "entrance", 99, 1.4, 1.4), [box], [])
    assert look.reason == "moved"
    assert look.covers(box)
