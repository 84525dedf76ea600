"""Photos for a detector out of data folders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.bundle import load_bundle
from edge.config import Detector
from edge.errors import MaskGateError
from edge.finder import detector_in
from train.data.annotations import MASKED, read_folders
from train.data.dataset import STOCK, Dataset, load_dataset
from train.data.patches import Patch
from train.data.rows import Reading
from train.data.split import split
from train.detector.larger import in_more_pixels, repeating_pictures
from train.detector.photos import Photo, collect_photos

HELD_BACK = 0.15
"""Share of the faces: more than a classifier holds back, for many a photo has one large face."""
CROPPED = 0.8
"""Score from which the device's own detector is believed about a picture that was cut out around a
face: of 200 such finds looked at, 197 were right."""
ALWAYS_FACES = {"face_with_mask_incorrect": MASKED}
"""Classes that are faces for a detector, whatever the classifier makes of them."""


@dataclass(frozen=True, slots=True)
class Material:
    """Labelled faces, and what else annotations say."""

    dataset: Dataset
    readings: Sequence[Reading]

    def photos(self) -> list[Photo]:
        """All photos; of one that another folder has in more pixels only the first form."""
        return collect_photos(self._of_photos(self._repeating()), self.readings)

    def split(self, judged: Sequence[Path] = ()) -> tuple[list[Photo], list[Photo], list[Patch]]:
        """Photos to train on, photos held back, and the faces of the former.

        A photo that another folder has in more pixels is learnt from in these, with its own labels;
        what the other folder labels in it counts no second time.

        Args:
            judged: data folders that are held back as a whole, with what is alike in the others;
                of none, HELD_BACK of all is.

        Raises:
            MaskGateError: there are no bare or no masked faces on one side.
        """
        repeating = self._repeating(judged)
        faces = self._of_photos(repeating)
        if judged:
            training, held_back = _apart(faces, judged)
        else:
            training, held_back = split(faces, share=HELD_BACK)
        # Crops in which MTCNN finds no face: nine in ten wear masks, just those it is blind to.
        second = Detector(score_threshold=CROPPED)
        finder = detector_in(load_bundle(second.bundle), second)
        labelled = collect_photos(training, self.readings, finder)
        sides = (
            [in_more_pixels(photo, repeating) for photo in labelled],
            collect_photos(held_back, self.readings),
        )
        for photos, what in zip(sides, ("to train on", "to hold back"), strict=True):
            _require_both(photos, what)
        return *sides, training

    def _repeating(self, judged: Sequence[Path] = ()) -> dict[Path, Path]:
        """Photos that another folder of the same side has in more pixels, and where."""
        # What is missing or broken was skipped, and has no patches.
        readable = {patch.face.picture for patch in self.dataset.patches}
        repeating = repeating_pictures(self.readings, readable)
        return {
            path: larger
            for path, larger in repeating.items()
            if _lies_in(path, judged) == _lies_in(larger, judged)
        }

    def _of_photos(self, repeating: Mapping[Path, Path]) -> list[Patch]:
        """The faces, but for those that are labelled in a photo's larger form."""
        larger = set(repeating.values())
        return [one for one in self.dataset.patches if one.face.picture not in larger]


def load_material(
    data: Sequence[Path], mapping: Mapping[str, str], *, allow_skipped: bool
) -> Material:
    """Read data folders.

    Args:
        data: data folders of any known layout, joined.
        mapping: which label the faces of another class get, see `load_dataset`.
        allow_skipped: go on though much had to be skipped, see `load_dataset`.

    Raises:
        MaskGateError: as for `load_dataset`.
    """
    readings = read_folders(data, mapping)
    classes = {row.classname for reading in readings for row in reading.rows}
    faces = {name: label for name, label in ALWAYS_FACES.items() if name in classes}
    dataset = load_dataset(
        data, mapping=faces | dict(mapping), allow_skipped=allow_skipped, detector=STOCK
    )
    return Material(dataset, readings)


def judgeable(photos: Sequence[Photo]) -> Sequence[Photo]:
    """Those to judge by: not crops, if there are others.

    A crop's box is a detector's own: the figures would say how alike two detectors are.
    """
    return [photo for photo in photos if not photo.is_crop] or photos


def _apart(patches: Sequence[Patch], judged: Sequence[Path]) -> tuple[list[Patch], list[Patch]]:
    """Hold back all faces of some folders; of their groups nothing is trained on either."""
    held_back = [patch for patch in patches if _lies_in(patch.face.picture, judged)]
    groups = {patch.group for patch in held_back}
    return [patch for patch in patches if patch.group not in groups], held_back


def _lies_in(picture: Path, folders: Sequence[Path]) -> bool:
    return any(picture.is_relative_to(folder) for folder in folders)


def _require_both(photos: Sequence[Photo], what: str) -> None:
    masked = sum(int(photo.masked.sum()) for photo in photos)
    bare = sum(len(photo.masked) for photo in photos) - masked
    if not masked or not bare:
        raise MaskGateError(
            f"data: expected photos with masked and bare faces {what}, found {masked} masked and "
            f"{bare} bare; give more data"
        )
