"""What a model says of each face, one row a face, and the table that keeps it."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import MaskGateError
from edge.values import Box
from train.data.annotations import BARE, MASKED
from train.data.patches import Patch

COLUMNS = (
    "name", "x1", "x2", "y1", "y2", "classname", "probability", "predicted", "size", "collection",
    "group", "uncalibrated",
)  # fmt: skip
"""As in the dataset, x1, x2, y1, y2 hold left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One labelled face and what a model says of it."""

    name: str
    """Of the picture's file."""
    box: Box
    """In pixels of the picture."""
    label: str
    """What a person says, `face_with_mask` or `face_no_mask`."""
    probability: float
    """Of `face_with_mask`, 0..1."""
    predicted: str
    """The label that the model's threshold makes of it."""
    collection: str
    group: str
    uncalibrated: float | None = None
    """The probability before calibration; None where the model was calibrated long since."""

    @property
    def size(self) -> float:
        """Longer side of the face in pixels."""
        return max(self.box.width, self.box.height)

    @property
    def right(self) -> bool:
        """Whether the model agrees with the person."""
        return self.predicted == self.label


def predict(
    patch: Patch, probability: float, threshold: float, uncalibrated: float | None = None
) -> Prediction:
    """Make the row of a patch.

    Args:
        patch: the face.
        probability: of `face_with_mask`, 0..1.
        threshold: the smallest probability that counts as masked.
        uncalibrated: see `Prediction`.
    """
    return Prediction(
        name=patch.face.picture.name,
        box=patch.photo_box,
        label=patch.label,
        probability=probability,
        predicted=MASKED if probability >= threshold else BARE,
        collection=patch.face.collection,
        group=patch.group,
        uncalibrated=uncalibrated,
    )


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write predictions.csv.

    Raises:
        MaskGateError: the file cannot be written.
    """
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            table.writerows(_row(one) for one in predictions)
    except OSError as error:
        raise MaskGateError(f"predictions {path}: cannot be written ({error.strerror})") from error


def _row(one: Prediction) -> list[object]:
    box = [round(side, 1) for side in (one.box.left, one.box.top, one.box.right, one.box.bottom)]
    before = "" if one.uncalibrated is None else f"{one.uncalibrated:.6f}"
    return [
        one.name, *box, one.label, f"{one.probability:.6f}", one.predicted, round(one.size, 1),
        one.collection, one.group, before,
    ]  # fmt: skip


def read_predictions(path: Path) -> list[Prediction]:
    """Read predictions.csv.

    Raises:
        MaskGateError: the file is missing or not such a table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_prediction(row) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise MaskGateError(
            f"predictions {path}: expected a table with the columns {', '.join(COLUMNS)}; "
            f"found {error!r}; judge the model again"
        ) from error


def _prediction(row: dict[str, str]) -> Prediction:
    left, top, right, bottom = (float(row[side]) for side in ("x1", "x2", "y1", "y2"))
    return Prediction(
        name=row["name"],
        box=Box(left, top, right, bottom),
        label=row["classname"],
        probability=float(row["probability"]),
        predicted=row["predicted"],
        collection=row["collection"],
        group=row["group"],
        uncalibrated=float(row["uncalibrated"]) if row["uncalibrated"] else None,
    )
