"""Parts of a frame that are searched on their own."""

import numpy as np
import pytest

from benchmarks.frames import SPOTS, group
from edge.bundle import load_bundle
from edge.config import Detector as Settings
from edge.finder import detector_in
from edge.values import Box, Pixels
from edge.vision.regions import SHARES, Detector, Region, covers, faces_in, to_search

SIZE = (640, 480)


def cascade(sizes: int = 1) -> Detector:
    settings = Settings()
    return detector_in(load_bundle(settings.bundle), settings, sizes=sizes)


def head(number: int) -> Box:
    left, top, side = SPOTS[number]
    return Box(left, top, left + side, top + side)


def rows(pixels: Pixels, *regions: Region) -> tuple[list[tuple[float, float]], bool]:
    faces, cut = faces_in(cascade(), pixels, regions)
    return sorted(face.box.centre for face in faces), cut


@pytest.mark.parametrize(
    "box",
    [
        Box(100, 100, 150, 170),
        Box(-50, -50, 20, 30),
        Box(600, 450, 700, 500),
        Box(-900, 200, -800, 300),
        Box(300.7, 10.2, 510.9, 248.6),
        Box(100, -50, 480, 700),
    ],
)
def test_a_region_holds_its_box_in_the_frame_and_is_of_a_standard_size(box: Box) -> None:
    [region] = to_search([box], SIZE) or ()
    assert 0 <= region.left <= region.left + region.width <= SIZE[0]
    assert 0 <= region.top <= region.top + region.height <= SIZE[1]
    assert (region.width, region.height) in [
        (int(SIZE[0] * across), int(SIZE[1] * down)) for across, down in SHARES
    ]
    if box.right > 0:
        assert region.left <= max(box.left, 0)
        assert region.left + region.width >= min(box.right, SIZE[0])
        assert region.top <= max(box.top, 0)
        assert region.top + region.height >= min(box.bottom, SIZE[1])


def test_a_small_box_takes_a_small_region() -> None:
    boxes = [Box(50, 50, 50 + side, 50 + side) for side in (100, 230, 340)]
    areas = [
        region.width * region.height for [region] in (to_search([box], SIZE) or () for box in boxes)
    ]
    assert areas == [213 * 240, 320 * 360, 426 * 480]


def test_regions_that_would_overlap_are_searched_as_one() -> None:
    chain = [Box(50 * n, 100, 50 * n + 60, 160) for n in (0, 2, 1)]
    far = Box(500, 400, 550, 450)
    assert len(to_search(chain, SIZE) or ()) == 1
    assert len(to_search([chain[0], far], SIZE) or ()) == 2
    # Boxes apart from each other, whose regions are not; joined, they reach the third.
    near = [Box(20, 20, 60, 60), Box(240, 20, 280, 60), Box(120, 20, 160, 60)]
    assert len(to_search(near, SIZE) or ()) == 1
    assert to_search([], SIZE) == ()


@pytest.mark.parametrize(
    "boxes",
    [
        [Box(-10, -10, 2000, 2000)],
        [Box(10, 300, 500, 310)],
        [Box(x, y, x + 60, y + 60) for x in (20, 290, 560) for y in (20, 400)],
    ],
    ids=["all", "too wide", "everywhere"],
)
def test_what_takes_about_the_whole_frame_is_the_whole(boxes: list[Box]) -> None:
    assert to_search(boxes, SIZE) is None


def test_a_face_at_the_edge_of_a_region_is_covered_at_the_frames_edge_only() -> None:
    region = Region(0, 100, 200, 200)
    assert covers(region, Box(-20, 120, 50, 180), SIZE)
    assert covers(region, Box(10, 103, 50, 180), SIZE)
    assert not covers(region, Box(10, 101, 50, 180), SIZE)
    assert not covers(region, Box(150, 120, 199, 180), SIZE)


def test_the_faces_of_regions_are_those_of_the_frame() -> None:
    pixels = group(5)
    whole = cascade().detect(pixels)
    regions = to_search([head(number) for number in (0, 4)], SIZE) or ()
    found, cut = faces_in(cascade(), pixels, regions)
    assert not cut
    assert len(found) == 2
    for face in found:
        best = max(whole, key=lambda other: other.box.overlap(face.box))
        assert best.box.overlap(face.box) > 0.8
        assert np.allclose(face.landmarks.nose, best.landmarks.nose, atol=4)


def test_a_face_that_a_region_cuts_is_told() -> None:
    pixels = group(1)
    [face] = cascade().detect(pixels)
    region = Region(0, 0, int(face.box.right - 6), 320)
    assert rows(pixels, region)[1]


def test_a_detector_stays_ready_for_the_sizes_used_last(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = cascade(sizes=2)
    pixels = group(1)
    sizes = [(240, 240), (256, 256), (240, 240), (320, 320), (240, 240), (256, 256)]
    opened = []
    open_net = detector._open

    def note(size: tuple[int, int]) -> object:
        opened.append(size)
        return open_net(size)

    monkeypatch.setattr(detector, "_open", note)
    made = []
    for width, height in sizes:
        before = len(opened)
        detector.detect(pixels[:height, :width])
        made.append(len(opened) > before)
    assert made == [True, True, False, True, False, True]
