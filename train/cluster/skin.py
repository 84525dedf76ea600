"""A fact that needs no labels: a bare face's lower half has the skin's colour, cloth has not.

Skin of any tone is redder and yellower than grey, and around a bare mouth no less so than around
the eyes. Most masks are white, blue, grey or black. In CIELAB both are one sum: how red (a*) and
yellow (b*) the mouth and chin are, and how much more so than the eyes and the brow.
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
    """Say how much each face looks as if its lower half showed skin.

    Returns:
        One number for each face, in CIELAB's units; the larger, the more likely bare. About 0 for
        a grey picture, which has no colour to tell by.
    """
    return np.array([_skin_shown(patch) for patch in patches], np.float64)


def _skin_shown(patch: Patch) -> float:
    cut = cut_face(patch.pixels, patch.box, SIZE, 0.0)
    lab = cv2.cvtColor(cut.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    upper, lower = _colour(lab[UPPER]), _colour(lab[LOWER])
    return float((lower + (lower - upper)).sum())


def _colour(region: NDArray[np.float32]) -> NDArray[np.float32]:
    """The usual a* and b* of a region; medians, for eyes, lips and straps are in it too."""
    return np.asarray(np.median(region[:, :, 1:].reshape(-1, 2), axis=0), np.float32)
