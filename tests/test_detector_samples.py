"""What the detector's nets learn from."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.values import Box, Landmarks, Pixels
from train.data.annotations import BARE, MASKED, LabelledFace
from train.data.patches import Patch, make_patch
from train.data.rows import Reading, Row
from train.detector.candidates import collect_candidates
from train.detector.feed import SHARES, PlainSamples, SampleFeed
from train.detector.loss import detection_loss, mirrored, targets
from train.detector.nets import SOURCE
from train.detector.overlaps import overlaps
from train.detector.photos import ENOUGH, Photo, collect_photos
from train.detector.samples import BACKGROUND, FACE, PART, Samples, read_samples
from train.detector.views import View, cut_off, turned, views
from train.detector.windows import collect_windows

MARKS = Landmarks((60, 60), (90, 60), (75, 78), (63, 92), (87, 92))
NO_BOXES = np.empty((0, 4))


def noise(width: int, height: int) -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def photo_of(folder: Path, **others: object) -> Photo:
    """A photo with a bare face whose landmarks are known, and a masked one."""
    path = folder / "photo.png"
    cv2.imwrite(str(path), np.full((200, 300, 3), 150, np.uint8))
    boxes = np.array([[50.0, 40, 100, 110], [200, 50, 240, 100]])
    masked = np.array([False, True])
    marks = {0: MARKS, 1: MARKS.moved(lambda at: (at[0] + 145, at[1]))}
    return Photo(path, "group", "drawn", boxes, masked, NO_BOXES, landmarks=marks, **others)


def test_a_photo_is_shown_as_it_is_smaller_turned_and_with_a_mask_on_its_bare_face(
    tmp_path: Path,
) -> None:
    plain, smaller, _, dressed = views([photo_of(tmp_path)], np.random.default_rng(0))
    assert plain.pixels.shape == (200, 300, 3)
    scale = smaller.pixels.shape[1] / 300
    assert 0.3 < scale < 0.95
    np.testing.assert_allclose(smaller.boxes, plain.boxes * scale, atol=0.5)
    assert dressed.masked.all()
    changed = np.argwhere((dressed.pixels != plain.pixels).any(axis=2))
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    # From the nose to below the mouth, and on no other face.
    assert 60 < top < 85
    assert 95 < bottom < 125
    assert 30 < left < 65
    assert 85 < right < 120


def test_a_crop_is_shown_at_many_sizes_up_to_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    photo = photo_of(tmp_path, is_crop=True)
    sizes = [shown.boxes[0, 3] - shown.boxes[0, 1] for shown in views([photo] * 30, rng)]
    assert min(sizes) < 25
    assert max(sizes) == pytest.approx(70, abs=1)


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


def shown(*, others: np.ndarray = NO_BOXES) -> View:
    boxes = np.array([[40.0, 40, 70, 75], [120, 30, 160, 80]])
    return View(noise(240, 180), boxes, np.array([True, False]), others)


def windows_of(view: View) -> Samples:
    """Windows, when the net takes nothing for a face."""

    def judge(level: np.ndarray) -> np.ndarray:
        rows, columns = ((length - 12 + 1) // 2 + 1 for length in level.shape[:2])
        return np.full((rows, columns, 5), -9, np.float32)

    return collect_windows([view], judge, SOURCE, np.random.default_rng(0))


def test_windows_of_faces_say_where_the_edges_of_the_face_are() -> None:
    samples = windows_of(shown())
    assert samples.pictures.shape[1:] == (12, 12, 3)
    assert {BACKGROUND, FACE, PART} == set(samples.kinds.tolist())
    faces = samples.kinds == FACE
    # With its edges moved so, a window has the face's own shape: 30 x 35 or 40 x 50.
    size = 1 + samples.offsets[faces, 2:] - samples.offsets[faces, :2]
    shape = size[:, 0] / size[:, 1]
    wanted = np.where(samples.masked[faces], 30 / 35, 40 / 50)
    np.testing.assert_allclose(shape, wanted, rtol=0.02)
    assert samples.masked[faces].any()
    assert not samples.masked[faces].all()
    assert not samples.offsets[samples.kinds == BACKGROUND].any()


def test_what_is_neither_face_nor_background_gives_no_window() -> None:
    everywhere = np.array([[x, y, x + 24.0, y + 24] for x in range(240) for y in range(180)][::7])
    without = windows_of(shown()).kinds == BACKGROUND
    beside = windows_of(shown(others=everywhere)).kinds == BACKGROUND
    assert beside.sum() < without.sum()


def candidates_of(
    view: View, proposed: np.ndarray, known: np.ndarray = NO_BOXES
) -> tuple[Samples, Samples]:
    """Samples of the candidates, and those that are background."""
    rng = np.random.default_rng(0)
    found = collect_candidates([view], lambda _: proposed, 24, SOURCE, lambda _: known, rng)
    free = found.kinds == BACKGROUND
    parts = (found.pictures[free], found.kinds[free], found.offsets[free], found.masked[free])
    return found, Samples(*parts)


def test_a_candidate_beside_all_faces_is_background_and_squares_near_faces_are_faces() -> None:
    wrong = np.array([[180.0, 120, 210, 150]])
    found, free = candidates_of(shown(), wrong)
    assert len(free.kinds) == 1
    faces = found.kinds == FACE
    assert faces.sum() >= 4
    # The face's edges lie within the square's neighbourhood.
    assert np.abs(found.offsets[faces]).max() < 0.6


def test_a_face_that_nobody_labelled_is_no_background() -> None:
    wrong = np.array([[180.0, 120, 210, 150]])
    _, free = candidates_of(shown(), wrong, known=wrong + 2)
    assert not len(free.kinds)


def some_samples() -> Samples:
    rng = np.random.default_rng(2)
    kinds = np.array([FACE] * 6 + [PART] * 2 + [BACKGROUND] * 8, np.uint8)
    masked = np.array([True] * 3 + [False] * 13)
    offsets = rng.uniform(-0.2, 0.2, (16, 4)).astype(np.float32)
    return Samples(rng.integers(0, 256, (16, 24, 24, 3), np.uint8), kinds, offsets, masked)


def test_a_batch_has_its_share_of_each_kind_whatever_there_is_of_it() -> None:
    samples = some_samples()
    feed = SampleFeed(samples, targets(samples), SOURCE, 100, 3, seed=1)
    pictures, wanted = feed.batch(0, 0)
    assert pictures.dtype == np.float32
    assert np.abs(pictures).max() <= 1
    kinds = [int((wanted[:, -1] == kind).sum()) for kind in (FACE, PART, BACKGROUND)]
    faces = 100 * (SHARES["masked"] + SHARES["bare"])
    assert kinds == pytest.approx([faces, 100 * SHARES["part"], 100 * SHARES["background"]])


def test_the_same_batch_comes_out_the_same_and_another_one_different() -> None:
    samples = some_samples()
    feed = SampleFeed(samples, targets(samples), SOURCE, 32, 3, seed=1)
    np.testing.assert_array_equal(feed.batch(1, 2)[0], feed.batch(1, 2)[0])
    assert (feed.batch(1, 2)[0] != feed.batch(1, 1)[0]).any()


def test_validation_shows_each_sample_once_as_it_is() -> None:
    samples = some_samples()
    feed = PlainSamples(samples, targets(samples), SOURCE, 6)
    pictures = np.concatenate([feed.batch(0, step)[0] for step in range(feed.steps)])
    np.testing.assert_array_equal(pictures, SOURCE.values(samples.pictures))


def test_in_the_mirror_left_and_right_change_places() -> None:
    wanted = np.zeros((1, 16), np.float32)
    wanted[0, :4] = -0.1, 0.2, 0.3, 0.4
    wanted[0, 4:14] = 0.2, 0.8, 0.4, 0.25, 0.7, 0.3, 0.31, 0.5, 0.7, 0.71
    turned = mirrored(wanted)
    np.testing.assert_allclose(turned[0, :4], [-0.3, 0.2, 0.1, 0.4], atol=1e-6)
    points = [0.2, 0.8, 0.6, 0.3, 0.75, 0.31, 0.3, 0.5, 0.71, 0.7]
    np.testing.assert_allclose(turned[0, 4:14], points, atol=1e-6)
    np.testing.assert_allclose(mirrored(turned), wanted, atol=1e-6)


def loss_of(kind: int, offset: float, point: float, logit: float, trust: float = 1.0) -> float:
    """The loss of one sample whose edges and landmarks should all be at 0."""
    samples = Samples(
        np.zeros((1, 48, 48, 3), np.uint8),
        np.array([kind], np.uint8),
        np.zeros((1, 4), np.float32),
        np.array([False]),
    )
    wanted = targets(samples, np.zeros((1, 10), np.float32), np.array([trust]))
    output = np.array([[[[offset] * 4 + [point] * 10 + [logit]]]], np.float32)
    return float(detection_loss(wanted, output))


@pytest.mark.parametrize(
    ("kind", "taught"), [(FACE, {"box", "score"}), (PART, {"box"}), (BACKGROUND, {"score"})]
)
def test_each_kind_teaches_what_it_shows(kind: int, taught: set[str]) -> None:
    plain = loss_of(kind, 0, 0, 0)
    changed = {"box": loss_of(kind, 0.5, 0, 0), "score": loss_of(kind, 0, 0, 3)}
    assert {name for name, loss in changed.items() if loss != plain} == taught


def test_landmarks_teach_as_far_as_they_are_trusted() -> None:
    plain = loss_of(FACE, 0, 0, 0)
    assert loss_of(FACE, 0, 0.5, 0) > plain
    assert loss_of(FACE, 0, 0.5, 0, trust=0) == plain


def test_samples_are_read_as_they_were_kept_and_a_damaged_file_is_as_none(tmp_path: Path) -> None:
    path = tmp_path / "training.npz"
    assert read_samples(path) is None
    some_samples().write(path)
    again = read_samples(path)
    assert again is not None
    np.testing.assert_array_equal(again.pictures, some_samples().pictures)
    np.testing.assert_array_equal(again.masked, some_samples().masked)
    path.write_bytes(path.read_bytes()[:-200])
    assert read_samples(path) is None


def test_overlaps_of_nothing_are_nothing() -> None:
    assert overlaps(NO_BOXES, np.ones((2, 4))).shape == (0, 2)


def two_squares() -> View:
    """A red square on black for a bare face, a green one for a masked face."""
    pixels = np.zeros((200, 300, 3), np.uint8)
    pixels[60:100, 60:100, 0], pixels[120:160, 200:240, 1] = 255, 255
    boxes = np.array([[60.0, 60, 100, 100], [200, 120, 240, 160]])
    return View(pixels, boxes, np.array([False, True]), NO_BOXES)


def middle_of(channel: np.ndarray) -> np.ndarray:
    return np.argwhere(channel > 127).mean(axis=0)[::-1]


@pytest.mark.parametrize("degrees", [-30, 20])
def test_a_turned_photos_boxes_stay_around_its_faces(degrees: float) -> None:
    shown = turned(two_squares(), degrees)
    assert shown.masked.tolist() == [False, True]
    middles = (shown.boxes[:, :2] + shown.boxes[:, 2:]) / 2
    np.testing.assert_allclose(middles[0], middle_of(shown.pixels[..., 0]), atol=1.5)
    np.testing.assert_allclose(middles[1], middle_of(shown.pixels[..., 1]), atol=1.5)
    np.testing.assert_allclose(shown.boxes[:, 2:] - shown.boxes[:, :2], 40)


def test_a_face_that_a_turn_moves_out_of_the_picture_is_neither_face_nor_background() -> None:
    plain = two_squares()
    plain.boxes[0] = [0, 0, 40, 40]
    shown = turned(plain, 25)
    assert shown.masked.tolist() == [True]
    assert len(shown.others) == 1
    assert shown.others.min() == 0


def test_a_photo_cut_off_through_a_face_still_shows_most_of_it_at_its_edge() -> None:
    plain = two_squares()
    cut = set()
    for seed in range(30):
        shown = cut_off(plain, np.random.default_rng(seed))
        height, width = shown.pixels.shape[:2]
        cut.add((height < 200, width < 300))
        sides = shown.boxes[:, 2:] - shown.boxes[:, :2]
        assert sides.min() >= 23
        assert sides.min() <= 36
        assert shown.boxes[:, 2].max() <= width
        assert shown.boxes[:, 3].max() <= height
        bright = shown.pixels.max(axis=2) > 0
        for left, top, right, bottom in shown.boxes.astype(int):
            assert bright[top:bottom, left:right].all()
    assert cut == {(True, False), (False, True)}
