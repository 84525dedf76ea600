"""What every way of clustering gives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Clusters = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """Faces in two clusters, 0 and 1; all arrays are in the order of the faces."""

    clusters: Clusters
    """0 or 1 for each face."""
    scores: Numbers
    """How far a face is on cluster 1's side; negative on cluster 0's."""
    typical: Numbers
    """The larger, the more typical a face is of its cluster."""
    points: Numbers
    """Faces x 2: where a chart shows them."""
    axes: tuple[str, str]
    """What the two columns of `points` are."""
    names: tuple[str, str] | None
    """The labels of cluster 0 and 1, where they are known without anybody's labels."""
