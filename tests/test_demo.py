import subprocess
import sys
import tracemalloc
from itertools import islice
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
import pytest

from edge.bundle import load_bundle
from edge.config import Camera, Detector, Tracking
from edge.demo import portraits
from edge.demo.entrance import DESK, entrance
from edge.demo.figure import FACE, Clothing, CutOut, Figure
from edge.demo.masks import BLACK, DOTTED, SURGICAL, WHITE, Look
from edge.demo.portraits import COLLINS, HOPPER, Portrait, find_photo
from edge.demo.source import LOOP, RATE, Crowd, Demo
from edge.errors import MaskGateError
from edge.finder import detector_in
from edge.people.tracker import Tracker
from edge.sources.feed import every_frame
from edge.sources.opening import open_source
from edge.sources.pictures import read_picture
from edge.values import Pixels
from edge.vision.regions import Detector as Finder

PEOPLE = [COLLINS, HOPPER]


def detector(min_face: float = 40, kind: str = "maskgate") -> Finder:
    settings = Detector(min_face=min_face, kind=kind)
    return detector_in(load_bundle(settings.bundle), settings)


def frames(demo: Demo, count: int) -> list[Pixels]:
    return [frame for frame in (demo.read() for _ in range(count)) if frame is not None]


# Who walks by


def test_a_face_is_seen_at_once():
    [first] = frames(Demo(), 1)
    [face] = detector().detect(first)
    assert face.box.height > 50


def test_each_person_is_seen_once_and_nothing_else_is_taken_for_a_face():
    demo = Demo(endless=False)
    cascade, tracker = detector(), Tracker(Tracking())
    gone = []
    # A device that manages every third frame.
    for frame in islice(every_frame(demo, "entrance"), 0, None, 3):
        gone += tracker.update(frame, cascade.detect(frame.pixels))[1]
    gone += tracker.finish()
    crowd = demo.people_in_loop
    assert [track.hits >= 15 for track in gone] == [True] * (crowd.bare + crowd.masked)


def test_the_demo_says_how_many_bare_and_masked_faces_it_shows():
    assert Demo().people_in_loop == Crowd(bare=3, masked=5)


def test_one_loop_ends_when_everyone_has_left():
    demo = open_source(Camera(source="demo"), once=True)
    count, last = 0, None
    while (frame := demo.read()) is not None:
        count, last = count + 1, frame
    assert 20 * RATE < count < LOOP * RATE
    assert last is not None
    assert np.array_equal(last, entrance())
    assert demo.read() is None


def test_the_endless_demo_begins_again():
    demo = open_source(Camera(source="demo"))
    assert isinstance(demo, Demo)
    loop = round(LOOP * RATE)
    # Checksums, for the frames themselves would fill 800 MB.
    twice = [crc32(frame) for _ in range(2 * loop) if (frame := demo.read()) is not None]
    assert len(twice) == 2 * loop
    assert twice[:loop] == twice[loop:]
    assert len(set(twice)) > 0.7 * loop
    assert (demo.interval, demo.live) == (1 / 15, False)


def test_the_demo_is_the_same_each_time():
    one, other = (frames(Demo(), 40)[-1] for _ in range(2))
    assert np.array_equal(one, other)
    assert one.shape == (480, 640, 3)
    assert one.flags.c_contiguous


def test_a_frame_that_was_handed_out_stays_as_it_was():
    demo = Demo()
    first = frames(demo, 1)[0]
    before = first.copy()
    frames(demo, 30)
    assert np.array_equal(first, before)


def test_the_demo_stays_small_in_memory():
    tracemalloc.start()
    demo = Demo()
    for _ in range(round(LOOP * RATE)):
        demo.read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30_000_000


# The photos


@pytest.mark.parametrize("portrait", PEOPLE, ids=lambda portrait: portrait.file)
def test_the_noted_points_are_those_that_the_detector_finds(portrait: Portrait):
    [face] = detector(min_face=20, kind="mtcnn").detect(read_picture(find_photo(portrait)))
    assert face.box.overlap(portrait.box) > 0.9
    near = 0.03 * portrait.box.width
    noted = portrait.landmarks
    for name in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right"):
        assert np.allclose(getattr(face.landmarks, name), getattr(noted, name), atol=near), name


@pytest.mark.parametrize("portrait", PEOPLE, ids=lambda portrait: portrait.file)
def test_the_taught_detectors_points_lie_near_those_of_the_stock_one(portrait: Portrait):
    [face] = detector(min_face=40).detect(read_picture(find_photo(portrait)))
    noted = portrait.landmarks
    apart = [
        np.hypot(*np.subtract(getattr(face.landmarks, name), getattr(noted, name)))
        for name in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
    ]
    assert np.mean(apart) < 0.05 * portrait.box.width


def test_the_photos_are_found_without_importing_their_packages():
    code = (
        "import sys; from edge.demo.source import Demo; Demo().read(); "
        "sys.exit('skimage' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_photos_in_the_environments_own_folder_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    own = tmp_path / "share" / "maskgate" / "photos"
    own.mkdir(parents=True)
    (own / HOPPER.file).write_bytes(find_photo(HOPPER).read_bytes())
    monkeypatch.setattr(portraits.sys, "prefix", str(tmp_path))
    assert find_photo(HOPPER) == own / HOPPER.file
    assert find_photo(COLLINS).parent.name == "data"


def test_without_the_photos_the_error_says_where_they_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(portraits.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(portraits.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MaskGateError, match=r"photo .* of the demo: .* 'make run' fetches it"):
        open_source(Camera(source="demo"))


# The figures


@pytest.mark.parametrize("portrait", PEOPLE, ids=lambda portrait: portrait.file)
def test_a_figure_is_cut_out_softly_and_brings_no_background_along(portrait: Portrait):
    figure = Figure(CutOut(portrait), Clothing())
    black, white = np.zeros((480, 640, 3), np.uint8), np.full((480, 640, 3), 255, np.uint8)
    for frame in (black, white):
        figure.set_into(frame, 320, 200, FACE, 480)
    covered = 255 - (white.astype(int) - black)[..., 0]
    for x in (210, 430):  # beside the head, above the shoulders
        assert covered[150, x] == 0
    assert (covered[200:260, 310:330] >= 254).all()  # the face
    # A soft edge: two to three pixels all around the person, and nothing half there elsewhere.
    outline = (covered > 127).astype(np.uint8)
    [contour, *_] = cv2.findContours(outline, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    soft = int(((covered > 5) & (covered < 250)).sum())
    assert 2 < soft / len(contour) < 3.5


def test_a_figure_stands_where_it_is_told_to():
    frame = entrance()
    Figure(CutOut(COLLINS), Clothing()).set_into(frame, 400.5, 180.25, 90, DESK)
    [face] = detector(kind="mtcnn").detect(frame)
    assert face.box.centre == pytest.approx((400.5, 180.25), abs=5)
    assert face.box.height == pytest.approx(90, rel=0.15)
    assert np.array_equal(frame[DESK:], entrance()[DESK:])


@pytest.mark.parametrize("where", [(-900, 200), (1500, 200), (320, -900), (320, 2000)])
def test_a_figure_outside_the_frame_leaves_it_alone(where: tuple[float, float]):
    frame = entrance()
    Figure(CutOut(HOPPER), Clothing()).set_into(frame, *where, 100, DESK)
    assert np.array_equal(frame, entrance())


@pytest.mark.parametrize("portrait", PEOPLE, ids=lambda portrait: portrait.file)
@pytest.mark.parametrize("look", [SURGICAL, WHITE, BLACK, DOTTED])
def test_a_mask_covers_mouth_and_nose_and_leaves_the_eyes(portrait: Portrait, look: Look):
    bare, masked = entrance(), entrance()
    person = CutOut(portrait)
    Figure(person, Clothing()).set_into(bare, 320, 200, FACE, DESK)
    Figure(person, Clothing(look)).set_into(masked, 320, 200, FACE, DESK)
    changed = np.abs(bare.astype(int) - masked).max(axis=2)
    [face] = detector().detect(bare)
    points = face.landmarks
    for x, y in (points.nose, points.mouth_left, points.mouth_right):
        assert np.median(changed[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3]) > 20
    for x, y in (points.left_eye, points.right_eye):
        assert changed[int(y) - 3 : int(y) + 4, int(x) - 4 : int(x) + 5].max() <= 3


def test_a_mirrored_figure_is_the_same_the_other_way_round():
    person = CutOut(HOPPER)
    frame, mirrored = np.zeros((480, 641, 3), np.uint8), np.zeros((480, 641, 3), np.uint8)
    Figure(person, Clothing(SURGICAL)).set_into(frame, 320, 200, FACE, 480)
    Figure(person, Clothing(SURGICAL, mirrored=True)).set_into(mirrored, 320, 200, FACE, 480)
    assert np.abs(frame[:, ::-1].astype(int) - mirrored).mean() < 1.5


def test_dye_colours_the_clothes_and_not_the_face():
    person = CutOut(COLLINS)
    plain, dyed = np.zeros((480, 640, 3), np.uint8), np.zeros((480, 640, 3), np.uint8)
    Figure(person, Clothing()).set_into(plain, 320, 150, FACE, 480)
    Figure(person, Clothing(dye=190)).set_into(dyed, 320, 150, FACE, 480)
    assert np.array_equal(plain[:215], dyed[:215])
    red, _, blue = dyed[400, 250].tolist()
    assert blue > red
