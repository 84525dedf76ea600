"""What each cell of a view is to say of the faces, and what it costs to be wrong."""

import numpy as np
import pytest

from edge.vision.cells import CELLS, cells, faces_in_cells
from train.detector.loss import detection_loss
from train.detector.targets import BACKGROUND, FACE, NOTHING, targets
from train.detector.views import View
from train.models.single_shot import NUMBERS, REACH, single_shot_model, without_landmarks

SIDE, BLOCKS = 128, 4


def view_with(*boxes: tuple[float, float, float, float], others: np.ndarray | None = None) -> View:
    rows = np.array(boxes, float).reshape(-1, 4)
    middles = (rows[:, :2] + rows[:, 2:]) / 2
    size = rows[:, 2:] - rows[:, :2]
    at = np.array([(-0.2, -0.2), (0.2, -0.2), (0, 0), (-0.15, 0.2), (0.15, 0.2)])
    points = middles[:, None] + at * size[:, None]
    left_alone = np.empty((0, 4)) if others is None else others
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    return View(pixels, rows, points, np.zeros(len(rows), bool), left_alone)


def told(view: View) -> np.ndarray:
    """What a net that knows everything says of a view: blocks x blocks x numbers of a block."""
    wanted = targets(view)
    middles, sides = cells((BLOCKS, BLOCKS))
    said = np.zeros((len(wanted), NUMBERS), np.float32)
    said[:, -1] = -12
    face = wanted[:, 0] == FACE
    box, side, middle = wanted[face, 1:5], sides[face], middles[face]
    said[face, :2] = ((box[:, :2] + box[:, 2:]) / 2 - middle) / side
    said[face, 2:4] = np.log((box[:, 2:] - box[:, :2]) / 2 / side)
    said[face, 4:14] = (wanted[face, 5:15] - np.tile(middle, 5)) / (side * REACH)
    said[face, -1] = 12
    return said.reshape(BLOCKS, BLOCKS, CELLS * NUMBERS)


@pytest.mark.parametrize(
    ("size", "sides"),
    [(12, {8}), (24, {8}), (32, {8, 16}), (50, {16}), (70, {16, 32}), (100, {32})],
)
def test_a_face_is_learnt_by_the_cells_of_its_size(size: float, sides: set[int]) -> None:
    wanted = targets(view_with((60 - size / 2, 60 - size / 2, 60 + size / 2, 60 + size / 2)))
    face = wanted[:, 0] == FACE
    assert set(cells((BLOCKS, BLOCKS))[1][face, 0].astype(int).tolist()) == sides


def test_a_narrow_face_is_not_learnt_by_cells_beside_it() -> None:
    wanted = targets(view_with((46, 20, 66, 100)))
    middles, sides = cells((BLOCKS, BLOCKS))
    face = wanted[:, 0] == FACE
    away = np.abs(middles[face, 0] - 56) / sides[face, 0]
    assert face.sum() >= 2
    assert away.max() <= 0.72


def test_what_the_cells_are_told_is_what_the_device_reads() -> None:
    view = view_with((10, 20, 34, 50), (60, 40, 116, 110))
    boxes, logits = faces_in_cells(told(view), 0.0)
    assert (logits == 12).all()
    for box in boxes:
        row = int(np.abs(view.boxes - box).sum(axis=1).argmin())
        np.testing.assert_allclose(box, view.boxes[row], atol=1e-3)
    found = {int(np.abs(view.boxes - box).sum(axis=1).argmin()) for box in boxes}
    assert found == {0, 1}


def test_of_what_is_neither_face_nor_background_nothing_is_learnt() -> None:
    others = np.array([[80.0, 80, 120, 120]])
    kinds = targets(view_with((10, 10, 30, 30), others=others))[:, 0]
    middles, _ = cells((BLOCKS, BLOCKS))
    inside = ((middles > 80) & (middles < 120)).all(axis=1)
    assert (kinds[inside] == NOTHING).all()
    assert (kinds == BACKGROUND).sum() > 0.5 * len(kinds)


def test_each_face_counts_alike_however_many_cells_see_it() -> None:
    wanted = targets(view_with((10, 20, 34, 50), (70, 40, 120, 110)))
    for row in (0, 1):
        box = ((10, 20, 34, 50), (70, 40, 120, 110))[row]
        mine = (wanted[:, 1:5] == np.array(box, np.float32)).all(axis=1)
        sizes = cells((BLOCKS, BLOCKS))[1][mine, 0]
        for side in set(sizes.tolist()):
            assert wanted[mine, 16][sizes == side].sum() == pytest.approx(1)


def loss_of(view: View, **changes: float) -> float:
    """The loss of a net that knows everything, but for what is changed where there is a face."""
    said = told(view).reshape(-1, NUMBERS)
    face = said[:, -1] > 0
    for number, change in changes.items():
        said[face, int(number[1:])] += change
    output = said.reshape(1, BLOCKS, BLOCKS, CELLS * NUMBERS)
    return float(detection_loss(targets(view)[None], output))


VIEW = view_with((10, 20, 34, 50), (60, 40, 116, 110))


def test_who_knows_everything_has_next_to_no_loss() -> None:
    assert loss_of(VIEW) < 0.01


@pytest.mark.parametrize("change", [{"n0": 0.5}, {"n2": 0.4}, {"n4": 0.5}, {"n14": -12.0}])
def test_a_wrong_place_size_landmark_or_score_costs(change: dict[str, float]) -> None:
    assert loss_of(VIEW, **change) > loss_of(VIEW) + 0.05


def test_a_face_whose_box_is_a_matter_of_taste_may_still_be_a_sure_one() -> None:
    half_as_wide = {"n2": float(np.log(0.5))}
    doubtful, sure = (
        loss_of(VIEW, **half_as_wide, n14=logit - 12) for logit in (np.log(0.7 / 0.3), np.log(9))
    )
    assert sure < doubtful


def test_a_face_where_there_is_none_costs_and_where_nothing_is_learnt_does_not() -> None:
    others = np.array([[80.0, 80, 120, 120]])
    view = view_with((10, 10, 30, 30), others=others)
    wanted = targets(view)
    plain = float(detection_loss(wanted[None], told(view)[None]))
    losses = []
    for kind in (BACKGROUND, NOTHING):
        said = told(view).reshape(-1, NUMBERS)
        said[np.flatnonzero(wanted[:, 0] == kind)[0], -1] = 5
        losses.append(
            float(detection_loss(wanted[None], said.reshape(1, BLOCKS, BLOCKS, -1))) - plain
        )
    assert losses[0] > 0.5
    assert losses[1] == pytest.approx(0, abs=1e-6)


def test_landmarks_that_nobody_knows_teach_nothing() -> None:
    unknown = view_with((10, 20, 34, 50))
    unknown.points[:] = np.nan
    assert loss_of(unknown, n4=3.0) == pytest.approx(loss_of(unknown), abs=1e-6)


def test_the_device_reads_the_same_faces_from_a_net_whose_landmarks_were_left_out() -> None:
    net = single_shot_model()
    rng = np.random.default_rng(1)
    net.set_weights([one + rng.uniform(0.01, 0.1, one.shape) for one in net.get_weights()])
    pixels = rng.uniform(-1, 1, (1, 256, 256, 3)).astype(np.float32)
    whole, shipped = (np.asarray(one(pixels))[0] for one in (net, without_landmarks(net)))
    assert shipped.shape[-1] == whole.shape[-1] // 3
    threshold = float(np.median(whole.reshape(-1, NUMBERS)[:, -1]))
    for mine, other in zip(
        *(faces_in_cells(one, threshold) for one in (whole, shipped)), strict=True
    ):
        np.testing.assert_allclose(mine, other, rtol=1e-5)
        assert len(mine) > 100
