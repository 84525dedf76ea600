"""What the single-shot net says of doubtful finds when it looks at them again."""

import numpy as np
import pytest

from benchmarks.frames import astronaut, group
from edge.bundle import MODELS, load_bundle
from edge.config import Detector
from edge.finder import detector_in
from edge.runtime.model import InvokeClock
from edge.runtime.processor import on_cpu
from edge.values import Pixels
from edge.vision.boxes import Rows, Scores
from edge.vision.detectors import SINGLE_SHOT
from edge.vision.net import Net
from edge.vision.sampling import QuickSampling
from edge.vision.second_look import LIMIT, NO_FACE, SIDE, SecondLook

FACE, FLAG, CORNER = (178, 80, 270, 182), (60, 60, 150, 170), (-60, -60, 20, 20)
"""In the astronaut's photo; the last lies mostly beyond its edge."""
SURE, DOUBTFUL, FAINT = 4.0, 1.0, -3.0
"""Logits."""


def looked(
    photo: Pixels, boxes: Rows, first: Scores, against: float = 0.0
) -> tuple[Rows, Scores, InvokeClock]:
    """What a second look says of some finds that O-Net spoke against, and how long it took."""
    bundle, clock = load_bundle(MODELS / "maskgate"), InvokeClock()
    source = bundle.manifest.input
    model = on_cpu(bundle).open(SINGLE_SHOT, SINGLE_SHOT, (SIDE, SIDE))
    sampling = QuickSampling(photo.shape[1::-1], [photo.shape[1::-1]], source)
    sampling.see(photo)
    second = SecondLook(Net(model, source, clock))
    return *second.look(sampling, boxes, first, first - against), clock


def test_of_doubtful_finds_a_face_gains_and_what_is_none_loses() -> None:
    boxes = np.array([FLAG, FACE, CORNER], float)
    where, said, _ = looked(astronaut(), boxes, np.full(3, DOUBTFUL))
    assert where[2].tolist() == list(CORNER)
    assert said[1] > DOUBTFUL + 1
    assert said[0] < DOUBTFUL - 1
    assert said[2] == pytest.approx((DOUBTFUL + NO_FACE) / 2)


@pytest.mark.parametrize("aside", [(20, 0), (-20, 0), (0, 24), (12, -15)])
def test_a_doubtful_box_that_lies_beside_its_face_comes_half_way_nearer(
    aside: tuple[float, float],
) -> None:
    beside = np.array([FACE], float) + np.tile(aside, 2)
    where, _, _ = looked(astronaut(), beside, np.full(1, DOUBTFUL))
    right, _, _ = looked(astronaut(), np.array([FACE], float), np.full(1, DOUBTFUL))
    nearer = (where - right)[0].reshape(2, 2).mean(axis=0)
    np.testing.assert_allclose(nearer, np.divide(aside, 2), atol=4)


def test_what_is_clear_is_not_looked_at_again() -> None:
    logits = np.array([SURE, FAINT])
    finds = np.array([FLAG, FACE], float)
    where, said, clock = looked(astronaut(), finds, logits)
    assert where.tolist() == finds.tolist()
    assert said.tolist() == logits.tolist()
    assert clock.seconds == 0


@pytest.mark.parametrize("against", [0.5, 2.0])
def test_what_o_net_has_settled_is_not_looked_at_again(against: float) -> None:
    _, said, clock = looked(astronaut(), np.array([FLAG], float), np.full(1, DOUBTFUL), against)
    assert said.tolist() == [DOUBTFUL - against]
    assert clock.seconds == 0


def test_no_find_is_no_second_look() -> None:
    _, said, clock = looked(astronaut(), np.zeros((0, 4)), np.zeros(0))
    assert len(said) == clock.seconds == 0


def test_of_many_doubtful_finds_only_the_surest_are_looked_at() -> None:
    logits = np.linspace(0.7, 2.2, LIMIT + 5)
    _, said, _ = looked(astronaut(), np.tile(np.array(FLAG, float), (len(logits), 1)), logits)
    assert said[:5].tolist() == logits[:5].tolist()
    assert (said[5:] < logits[5:]).all()


def test_where_it_is_wanted_less_sure_than_doubtful_finds_are_given_as_they_were() -> None:
    """A threshold below the doubtful ones is there to see what the net hardly knows."""
    settings = Detector(score_threshold=0.05, min_face=20)
    faces = detector_in(load_bundle(settings.bundle), settings).detect(group(3))
    assert min(face.score for face in faces) < 0.4
