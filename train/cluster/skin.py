"""A fact that needs no labels: a bare face's lower half looks like skin, a masked one's does not.

Skin of any tone is redder and yellower than grey, and around a bare mouth no less so, and about
as bright, as around the eyes. Each of these is a sign in CIELAB. No sign is enough: red and beige
cloth is as red or yellow as skin, light from one side makes it brighter. So the weakest of them
counts, and a face looks bare only where all say so. Signs are compared by their rank among the
faces, which needs no threshold that would suit one collection and not another.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.vision.cut import cut_face
from train.cluster.clustering import Numbers
from train.data.patches import Patch

SIZE = 64
"""Side of the cut that is looked at, in pixels."""
UPPER = (slice(5, 29), slice(14, 50))
"""Rows and columns of the eyes and the brow, as faces lie in the detector's boxes."""
LOWER = (slice(38, 59), slice(18, 46))
"""Rows and columns of the mouth and the chin."""


def skin_shown(patches: Sequence[Patch]) -> Numbers:
    """Say how much each face looks as if its lower half showed skin, among the others.

    Returns:
        0..1 for each face: the rank of its weakest sign, as a share; the larger, the more likely
        it is bare.
    """
    signs = np.array([skin_signs(patch) for patch in patches], np.float64)
    # Equal signs, as of copies of one picture, get equal ranks.
    order = np.sort(signs, axis=0)
    columns = zip(order.T, signs.T, strict=True)
    ranks = [np.searchsorted(one, sign, "left") / len(signs) for one, sign in columns]
    return np.asarray(np.min(ranks, axis=0), np.float64)


def skin_signs(patch: Patch) -> tuple[float, float, float, float, float]:
    """Measure a face's signs of skin, in CIELAB's units; each the larger, the likelier.

    How red (a*) and yellow (b*) mouth and chin are, how much redder and yellower than eyes and
    brow, and how alike in lightness, which is 0 or less.
    """
    cut = cut_face(patch.pixels, patch.box, SIZE, 0.0)
    lab = np.asarray(cv2.cvtColor(cut.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
    upper, lower = _colour(lab[UPPER]), _colour(lab[LOWER])
    light, red, yellow = (float(value) for value in lower - upper)
    return float(lower[1]), float(lower[2]), red, yellow, -abs(light)


def _colour(region: NDArray[np.float32]) -> NDArray[np.float32]:
    """The usual L*, a*, b* of a region; medians, for eyes, lips and straps are in it too."""
    return np.asarray(np.median(region.reshape(-1, 3), axis=0), np.float32)
