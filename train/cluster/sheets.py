"""Sheets of pictures that show what a cluster holds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.values import Pixels
from edge.vision.cut import cut_face
from train.cluster.clustering import Clustering
from train.cluster.faces import FaceViews
from train.data.annotations import BARE, MASKED

COLUMNS, ROWS = 12, 4
SIDE, FRAME = 72, 3
"""Pixels of a face and of the frame around it."""
MARGIN = 0.25
"""What is shown around the box, as share of its longer side."""
COLOURS = {MASKED: (0, 114, 178), BARE: (213, 94, 0)}
"""Frames of labelled faces, RGB, as the charts have them; others have GREY."""
GREY, PAPER = (150, 150, 150), (255, 255, 255)
KINDS = ("typical", "untypical", "random")


def cluster_sheets(
    faces: Sequence[FaceViews], clustering: Clustering, seed: int
) -> dict[tuple[int, str], Pixels]:
    """Draw the most typical, the least typical and random faces of either cluster.

    Args:
        faces: all of them.
        clustering: of these faces.
        seed: of the random draw.

    Returns:
        RGB uint8 by cluster and kind; a cluster without faces has no sheet.
    """
    rng = np.random.default_rng(seed)
    sheets = {}
    for cluster in (0, 1):
        members = np.flatnonzero(clustering.clusters == cluster)
        ranked = members[np.argsort(-clustering.typical[members], kind="stable")]
        orders = (ranked, ranked[::-1], rng.permutation(members))
        for kind, order in zip(KINDS, orders, strict=True):
            if len(order):
                sheets[cluster, kind] = _sheet(faces, order[: COLUMNS * ROWS])
    return sheets


def _sheet(faces: Sequence[FaceViews], numbers: NDArray[np.intp]) -> Pixels:
    cell = SIDE + 2 * FRAME
    rows = -(-len(numbers) // COLUMNS)
    sheet = np.empty((rows * cell, COLUMNS * cell, 3), np.uint8)
    sheet[:] = PAPER
    for place, number in enumerate(numbers):
        top, left = place // COLUMNS * cell, place % COLUMNS * cell
        sheet[top : top + cell - 1, left : left + cell - 1] = COLOURS.get(faces[number].label, GREY)
        patch = faces[number].labelled
        inner = sheet[top + FRAME - 1 :, left + FRAME - 1 :][:SIDE, :SIDE]
        inner[:] = cut_face(patch.pixels, patch.box, SIDE, MARGIN)
    return sheet
