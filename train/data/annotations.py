"""The labelled faces of data folders: Kaggle's layout, Pascal VOC, folders of crops."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import MaskGateError
from edge.values import Box
from train.data.crops import is_crops, read_crops
from train.data.kaggle import is_kaggle, read_kaggle
from train.data.rows import Reading, Skipped
from train.data.voc import is_voc, read_voc

MASKED, BARE = "face_with_mask", "face_no_mask"
LABELS = (MASKED, BARE)
CLASSES = frozenset(
    {
        *LABELS, "face_with_mask_incorrect", "face_other_covering", "mask_surgical",
        "mask_colorful", "balaclava_ski_mask", "eyeglasses", "face_shield", "gas_mask", "goggles",
        "hair_net", "hat", "helmet", "hijab_niqab", "hood", "other", "scarf_bandana", "sunglasses",
        "turban",
    }
)  # fmt: skip
"""The 20 classes of Kaggle's face-mask dataset. Several rows may describe one head."""


@dataclass(frozen=True, slots=True)
class LabelledFace:
    """One face that a person labelled."""

    picture: Path
    label: str
    box: Box | None
    """In pixels of the picture; None where the whole picture is the face."""
    group: str
    """Faces of one group show the same photo or near-duplicates: never split them."""
    collection: str
    """Name of the data folder that it comes from."""


@dataclass(slots=True)
class Annotations:
    """The labelled faces of one or more data folders, and what was left out of them."""

    faces: list[LabelledFace] = field(default_factory=list)
    """Those of one picture follow each other."""
    skipped: list[Skipped] = field(default_factory=list)
    """What is wrong and was left out."""
    unused: dict[str, int] = field(default_factory=dict)
    """Faces of the dataset's other classes, by class: nothing is wrong with them."""
    clipped: list[str] = field(default_factory=list)
    """Boxes that reached out of their picture."""
    differing: list[str] = field(default_factory=list)
    """Where two annotations of one photo say different things."""
    test_photos: int = 0
    """Photos that are set aside to be tested on."""
    tiny: int = 0
    """Faces left out because nobody could tell."""

    @property
    def reasons(self) -> Counter[str]:
        """How many were skipped, by reason."""
        return Counter(one.reason for one in self.skipped)


def require_known_labels(mapping: Mapping[str, str]) -> None:
    """Refuse a mapping to anything but the two labels.

    Raises:
        MaskGateError: it has another label.
    """
    for source, label in mapping.items():
        if label not in LABELS:
            raise MaskGateError(
                f"--map {source}={label}: expected {source}={MASKED} or {source}={BARE}"
            )


def read_folders(folders: Sequence[Path], mapping: Mapping[str, str]) -> list[Reading]:
    """Read what the annotations of some data folders say.

    Args:
        folders: each of any known layout.
        mapping: classes beyond the dataset's own that count.

    Raises:
        MaskGateError: a folder that is missing, named twice or of no known layout, or a CSV file
            that cannot be read.
    """
    real = [folder.resolve() for folder in folders]
    for place in real:
        if real.count(place) > 1:
            raise MaskGateError(f"data folder {place}: named twice; name it once")
    # The name is the link's where the folder is one: `maskgate-train fetch` makes such a link.
    places = [Path(os.path.abspath(folder)) for folder in folders]  # noqa: PTH100
    names = Counter(place.name for place in places)
    readings = []
    for place in places:
        collection = place.name if names[place.name] == 1 else str(place)
        if is_kaggle(place):
            readings.append(read_kaggle(place, collection))
        elif is_voc(place):
            readings.append(read_voc(place, collection))
        elif is_crops(place, CLASSES | mapping.keys()):
            readings.append(read_crops(place, collection))
        else:
            raise MaskGateError(
                f"data folder {place}: expected train.csv (Kaggle), images/ and annotations/ "
                f"(Pascal VOC) or folders named {' and '.join(LABELS)}; "
                + ("found none of these" if place.is_dir() else "there is no such folder")
            )
    return readings
