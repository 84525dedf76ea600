"""Joins the groups of faces whose photos, or who themselves, are near-duplicates."""

from dataclasses import dataclass, replace
from pathlib import Path

from edge.values import Pixels
from edge.vision.cut import cut_face
from train.data.annotations import LabelledFace
from train.data.duplicates import PHOTO, SIDE, Groups, Looks, needed_of_face
from train.data.patches import Patch

AROUND = 0.25
"""Share of a face's longer side that is compared too, so that hair and background count."""


@dataclass(frozen=True, slots=True)
class Twin:
    """Two pictures that were found to show the same, and joined two groups."""

    kind: str
    """"photo" or "face"."""
    first: int
    second: int
    """Which of the faces; for photos, the first face of each."""
    likeness: float
    """Correlation of their details, 0..1."""


class Grouping:
    """Sees photos and faces, then tells which belong together."""

    def __init__(self) -> None:
        self._photos, self._pictures = Looks(), list[Path]()
        self._faces, self._numbers = Looks(), list[int]()

    def see_photo(self, picture: Path, pixels: Pixels) -> None:
        """Remember a photo, RGB uint8."""
        self._photos.add(pixels, PHOTO)
        self._pictures.append(picture)

    def see_face(self, patch: Patch, number: int) -> None:
        """Remember a view of a face, by the face's number."""
        look = cut_face(patch.pixels, patch.box, SIDE, AROUND)
        self._faces.add(look, needed_of_face(patch.size))
        self._numbers.append(number)

    def join(self, faces: list[LabelledFace]) -> tuple[list[LabelledFace], list[Twin], int]:
        """Join the groups of faces.

        Args:
            faces: as numbered in `see_face`.

        Returns:
            The faces with the groups that they have now; what joined them; and how many pairs
            alike did not, since the group would have become too large.
        """
        groups = Groups((face.group, face.picture) for face in faces)
        first_of = {face.picture: number for number, face in reversed([*enumerate(faces)])}
        # A photo may have no face that counts: then it joins nothing.
        photos = [first_of.get(picture) for picture in self._pictures]
        twins: list[Twin] = []

        def join(kind: str, looks: Looks, numbers: list[int | None]) -> None:
            names = ["" if one is None else groups.of(faces[one].group) for one in numbers]
            for pair in looks.alike(names):
                first, second = numbers[pair.first], numbers[pair.second]
                if first is None or second is None:
                    continue
                if groups.join(faces[first].group, faces[second].group):
                    twins.append(Twin(kind, first, second, pair.value))

        join("photo", self._photos, photos)
        # Pairs within one photo's group are no news, so photos come first.
        join("face", self._faces, list(self._numbers))
        joined = [replace(face, group=groups.of(face.group)) for face in faces]
        return joined, twins, groups.refused
