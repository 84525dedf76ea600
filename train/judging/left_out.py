"""Counts what of the data was not used, for recipes and reports."""

from train.data.annotations import Annotations


def left_out(annotations: Annotations) -> dict[str, int]:
    """Say how many faces were not used, by reason, the commonest first."""
    counts = annotations.reasons
    counts.update({f"class {label}": faces for label, faces in annotations.unused.items()})
    counts["too few pixels to tell"] += annotations.tiny
    return {reason: faces for reason, faces in counts.most_common() if faces}
