"""The paper's way: a network's features of whole faces, 100 principal components, k-means."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from edge.errors import MaskGateError
from edge.values import Pixels
from train.cluster.clustering import Clustering
from train.data.patches import Patch

COMPONENTS = 100
"""Of the principal component analysis; the paper's."""
STARTS = 10
"""Random starts of k-means, of which the best is taken; scikit-learn's default until 1.4."""


def gamma_corrected(patch: Patch, gamma: float) -> Patch:
    """Make the dark parts of a face brighter (gamma above 1) or darker (below).

    Args:
        patch: the face.
        gamma: pixels of 0..1 are raised to the power of 1/gamma.
    """
    table = np.round(255 * (np.arange(256) / 255) ** (1 / gamma)).astype(np.uint8)
    pixels: Pixels = np.asarray(cv2.LUT(patch.pixels, table), np.uint8)
    return replace(patch, pixels=pixels)


def cluster_features(features: NDArray[np.float32], seed: int) -> Clustering:
    """Cluster faces by their features as the paper does.

    Args:
        features: faces x features.
        seed: of the principal components' solver and of k-means.

    Raises:
        MaskGateError: the features are the same for all faces.
    """
    if not np.ptp(features, axis=0).any():
        raise MaskGateError(
            "features: expected some that differ from face to face, found none; "
            "give other weights or another layer"
        )
    components = min(COMPONENTS, *features.shape)
    projected = PCA(components, random_state=seed).fit_transform(features)
    means = KMeans(2, n_init=STARTS, random_state=seed).fit(projected)
    distances = np.asarray(means.transform(projected), np.float64)
    return Clustering(
        clusters=np.asarray(means.labels_, np.int64),
        scores=distances[:, 0] - distances[:, 1],
        typical=-distances.min(axis=1),
        points=np.asarray(projected[:, :2], np.float64),
        axes=("first principal component", "second principal component"),
        names=None,
    )
