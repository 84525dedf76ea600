"""How wrong the net is about the cells of a view."""

from typing import Any

import numpy as np
from keras import ops

from edge.vision.cells import WIDEST, cells
from train.detector.targets import FACE, NOTHING
from train.models.single_shot import NUMBERS, REACH

SURE = 0.8
"""Probability that a cell with a face is to give at least; the rest is how well its box fits, so
that of several cells the one that knows the face best is the surest (Li et al., "Generalized Focal
Loss", 2020). With a smaller one a face in profile, whose box is a matter of taste, could be as sure
as can be and still be given up for a doubtful one seen from the front."""
OF_FACE, OF_BACKGROUND = 2.0, 0.75
"""How much the score of a face, and that of a cell of background, count."""
BOX, LANDMARKS = 2.0, 20.0
"""How much boxes and landmarks count beside the score."""
BEND = 0.02
"""Error of a landmark, in faces, up to which the loss is square: Huber's."""
TINY = 1e-3


def detection_loss(wanted: Any, output: Any) -> Any:
    """Weigh what the net says of a batch of square views.

    Args:
        wanted: batch x cells x WIDTH, see `train.detector.targets`.
        output: batch x blocks x blocks x numbers of a block.
    """
    blocks = output.shape[1]
    middles, sides = cells((blocks, blocks))
    said = ops.reshape(output, (-1, len(middles), NUMBERS))
    kind, box, trusted, share = wanted[..., 0], wanted[..., 1:5], wanted[..., 15], wanted[..., 16]
    is_face = ops.cast(kind == FACE, "float32")
    weight = is_face * share
    faces = ops.maximum(ops.sum(weight), 1.0)
    overlap, apart = _overlaps(_boxes(said, middles, sides), box)
    off = ops.sum((1 - apart) * weight) / faces
    fit = is_face * (SURE + (1 - SURE) * ops.stop_gradient(overlap))
    logit = said[..., -1]
    surprise = ops.binary_crossentropy(fit, logit, from_logits=True)
    # Background that the net is sure of counts next to nothing (Lin et al., "Focal Loss", 2017).
    doubt = OF_BACKGROUND * ops.stop_gradient(ops.sigmoid(logit)) ** 2
    counted = ops.where(kind == FACE, OF_FACE * share, doubt)
    score = ops.sum(surprise * counted * ops.cast(kind != NOTHING, "float32")) / faces
    points = _points_off(said, middles, sides, wanted)
    known = weight * trusted
    landmarks = ops.sum(points * known) / ops.maximum(ops.sum(known), 1.0)
    return score + BOX * off + LANDMARKS * landmarks


def _boxes(said: Any, middles: Any, sides: Any) -> Any:
    middle = middles + said[..., :2] * sides
    half = ops.exp(ops.clip(said[..., 2:4], -WIDEST, WIDEST)) * sides
    return ops.concatenate([middle - half, middle + half], axis=-1)


def _overlaps(first: Any, second: Any) -> tuple[Any, Any]:
    """Intersection over union, and the same less how far they are apart: the generalised one.

    Rezatofighi et al., "Generalized Intersection over Union", 2019.
    """
    low, high = (
        ops.maximum(first[..., :2], second[..., :2]),
        ops.minimum(first[..., 2:], second[..., 2:]),
    )
    shared = ops.prod(ops.maximum(high - low, 0.0), axis=-1)
    both = _areas(first) + _areas(second) - shared
    around = ops.prod(
        ops.maximum(first[..., 2:], second[..., 2:]) - ops.minimum(first[..., :2], second[..., :2]),
        axis=-1,
    )
    overlap = shared / ops.maximum(both, TINY)
    return overlap, overlap - (around - both) / ops.maximum(around, TINY)


def _areas(boxes: Any) -> Any:
    return ops.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)


def _points_off(said: Any, middles: Any, sides: Any, wanted: Any) -> Any:
    """Huber's loss of the landmarks of each cell, in faces."""
    box = wanted[..., 1:5]
    size = ops.maximum(ops.max(box[..., 2:] - box[..., :2], axis=-1, keepdims=True), 1.0)
    there = np.tile(middles, 5) + said[..., 4:14] * (sides * REACH)
    error = ops.abs(there - wanted[..., 5:15]) / size
    huber = ops.where(error < BEND, error**2 / (2 * BEND), error - BEND / 2)
    return ops.mean(huber, axis=-1)
