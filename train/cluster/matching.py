"""How well clusters agree with labels that they were made without."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from train.cluster.clustering import Clusters
from train.data.annotations import BARE, LABELS, MASKED

Counts = NDArray[np.int64]


def counted(labels: Sequence[str], clusters: Clusters) -> Counts:
    """Count the faces of each label (rows, as LABELS) in each cluster (columns 0 and 1)."""
    counts = np.zeros((2, 2), np.int64)
    for label, cluster in zip(labels, clusters, strict=True):
        counts[LABELS.index(label), cluster] += 1
    return counts


def best_matching(counts: Counts) -> tuple[str, str]:
    """Name clusters 0 and 1 so that most faces are right; masked is 1 if both ways are as good."""
    masked, bare = LABELS.index(MASKED), LABELS.index(BARE)
    straight = counts[bare, 0] + counts[masked, 1]
    crossed = counts[masked, 0] + counts[bare, 1]
    return (MASKED, BARE) if crossed > straight else (BARE, MASKED)


def agreement(
    labels: Sequence[str], clusters: Clusters, names: tuple[str, str] | None
) -> dict[str, Any]:
    """Measure clusters against labels.

    Args:
        labels: of each face, one of LABELS; at least one face.
        clusters: 0 or 1 for each face.
        names: the labels of cluster 0 and 1 where the method gives them itself; None takes the
            best matching.

    Returns:
        "faces"; "names" of the clusters and whether they were "named_by" the method or the
        best matching; "accuracy", "recall_masked", "recall_bare" and "balanced_accuracy" under
        these names; "accuracy_best_matching"; "largest_class": what calling all faces the
        commoner class would get; "purity", "nmi", "ari"; "in_cluster": for each label, how many
        in which cluster; "confusion": the same by the clusters' names. Shares are 0..1; None
        where a class has no face.
    """
    counts = counted(labels, clusters)
    faces = int(counts.sum())
    best = best_matching(counts)
    chosen = names or best
    columns = [chosen.index(label) for label in LABELS]
    confusion = counts[:, columns]
    totals = counts.sum(axis=1)
    recalls = [
        float(confusion[row, row] / totals[row]) if totals[row] else None for row in range(2)
    ]
    known = [recall for recall in recalls if recall is not None]
    both = [counts[LABELS.index(name), number] for number, name in enumerate(best)]
    shares = {
        "accuracy": float(np.trace(confusion) / faces),
        "balanced_accuracy": sum(known) / 2 if len(known) == 2 else None,
        "recall_masked": recalls[LABELS.index(MASKED)],
        "recall_bare": recalls[LABELS.index(BARE)],
        "accuracy_best_matching": float(sum(both) / faces),
        "largest_class": float(totals.max() / faces),
        "purity": float(counts.max(axis=0).sum() / faces),
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
        "ari": float(adjusted_rand_score(labels, clusters)),
    }
    return {
        "faces": faces,
        "names": list(chosen),
        "named_by": "method" if names else "best matching",
        **{name: None if value is None else round(value, 4) for name, value in shares.items()},
        "in_cluster": _table(counts, ("0", "1")),
        "confusion": _table(confusion, LABELS),
    }


def _table(counts: Counts, columns: Sequence[str]) -> dict[str, dict[str, int]]:
    return {
        label: dict(zip(columns, map(int, row), strict=True))
        for label, row in zip(LABELS, counts, strict=True)
    }
