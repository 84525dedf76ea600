"""Finds pictures that are near-duplicates: resized, compressed, lit, moved a little or mirrored.

A perceptual hash names the candidates: the signs of the lowest frequencies of a small grey picture
(Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010). Two frontal
faces in white masks share those, so each pair is compared again by its details, at several scales
and offsets.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.values import Pixels

SIDE = 48
"""Pixels of the small grey picture that is compared."""
DISTANCE = 16
"""Most bits, of 63, in which the hashes of a pair differ.

All but one of the 414 known pairs in 4,060 pictures are within; most others there are chance.
"""
COARSE = 0.75
"""Least correlation of two grey pictures as they are, before their details are compared."""
PHOTO, FACE, SMALL_FACE = 0.78, 0.80, 0.92
"""Least correlation of the details of two photos, of two faces, and of two small faces, which have
few details.

Of the 121 pairs that they joined in those pictures, 112 are right by eye, the wrong ones below
0.82; and 412 of the 414 known pairs are found."""
SMALL = 28.0
"""Faces of fewer pixels are small ones."""
LARGEST_GROUP = 60
"""Pictures beyond which likeness joins no groups: a chain of chances, not one photo."""

_DETAIL = 2.5
"""Sigma, in pixels, of the blur that is taken off a picture to leave its details."""
_INNER = 36
"""Side of the middle that is looked for in the other picture."""
_SCALES = (1.0, 0.96, 1.04, 0.92, 1.08, 0.88, 1.14)
_HOPELESS = 0.45
"""Correlation at the first scale below which no other makes it enough."""
_BLOCK = 1024

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two pictures that show the same."""

    first: int
    second: int
    """Which of the looks, counted from 0."""
    value: float
    """Correlation of their details, -1..1."""


class Looks:
    """Small versions of many pictures, 3 KB each, to be compared with each other."""

    def __init__(self) -> None:
        self._greys: list[Grey] = []
        self._needed: list[float] = []

    def __len__(self) -> int:
        return len(self._greys)

    def add(self, pixels: Pixels, needed: float) -> None:
        """Remember a picture.

        Args:
            pixels: RGB uint8, height x width x 3.
            needed: least correlation of details that makes it a duplicate; the stricter one of
                two pictures counts.
        """
        small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        self._greys.append(np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8))
        self._needed.append(needed)

    def alike(self, groups: Sequence[str]) -> list[Likeness]:
        """Find the pairs that show the same, the most alike first.

        Args:
            groups: of each look; pairs within one group are not looked for.
        """
        found = []
        names = np.unique(np.array(groups), return_inverse=True)[1] if groups else np.zeros(0)
        hashes = np.array([_hash(grey) for grey in self._greys], np.float32).reshape(-1, 63)
        flat = np.array([_standard(grey) for grey in self._greys], np.float32)
        for mirror in (False, True):
            others, other_flat = hashes, flat
            if mirror:
                mirrored = [np.ascontiguousarray(grey[:, ::-1]) for grey in self._greys]
                others = np.array([_hash(grey) for grey in mirrored], np.float32).reshape(-1, 63)
                other_flat = np.array([_standard(grey) for grey in mirrored], np.float32)
            for start in range(0, len(hashes), _BLOCK):
                # Of two vectors of +1 and -1, the product says how many bits differ.
                product = others[start : start + _BLOCK] @ hashes.T
                first, second = np.nonzero(product >= 63 - 2 * DISTANCE)
                first += start
                keep = (first < second) & (names[first] != names[second])
                first, second = first[keep], second[keep]
                coarse = np.einsum("ij,ij->i", other_flat[first], flat[second])
                for one, two in zip(
                    first[coarse >= COARSE].tolist(), second[coarse >= COARSE].tolist(), strict=True
                ):
                    value = self._compare(one, two, mirror=mirror)
                    if value >= max(self._needed[one], self._needed[two]):
                        found.append(Likeness(one, two, value))
        return sorted(found, key=lambda pair: (-pair.value, pair.first, pair.second))

    def _compare(self, first: int, second: int, *, mirror: bool) -> float:
        """Best correlation of the first picture's middle with any place of the second."""
        one, two = _details(self._greys[first]), _details(self._greys[second])
        if mirror:
            one = np.ascontiguousarray(one[:, ::-1])
        best = -1.0
        for scale in _SCALES:
            side = round(SIDE * scale)
            scaled = cv2.resize(one, (side, side), interpolation=cv2.INTER_LINEAR)
            start = (side - _INNER) // 2
            middle = scaled[start : start + _INNER, start : start + _INNER]
            best = max(best, float(cv2.matchTemplate(two, middle, cv2.TM_CCOEFF_NORMED).max()))
            if best < _HOPELESS:
                break
        return best


class Groups:
    """Names that belong together: a union-find that refuses to grow giant groups by likeness."""

    def __init__(self, pictures: Iterable[tuple[str, object]]) -> None:
        """Start with groups as named.

        Args:
            pictures: the group and the picture of each face.
        """
        self._parents: dict[str, str] = {}
        self._pictures: dict[str, int] = {}
        for group, _ in dict.fromkeys(pictures):
            self._parents[group] = group
            self._pictures[group] = self._pictures.get(group, 0) + 1
        self.refused = 0
        """Pairs that would have made too large a group."""

    def of(self, name: str) -> str:
        """The group that a name belongs to now."""
        while self._parents[name] != name:
            self._parents[name] = self._parents[self._parents[name]]
            name = self._parents[name]
        return name

    def join(self, first: str, second: str) -> bool:
        """Join two groups; False if they are one already, or would be too large."""
        one, two = sorted((self.of(first), self.of(second)))
        if one == two:
            return False
        if self._pictures[one] + self._pictures[two] > LARGEST_GROUP:
            self.refused += 1
            return False
        self._parents[two] = one
        self._pictures[one] += self._pictures[two]
        return True


def needed_of_face(size: float) -> float:
    """The correlation that makes two faces duplicates, by the longer side in pixels."""
    return SMALL_FACE if size < SMALL else FACE


def _hash(grey: Grey) -> NDArray[np.float32]:
    """63 bits as +1 and -1: which of the lowest frequencies are above their median."""
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA)
    lowest = cv2.dct(small.astype(np.float32))[:8, :8].ravel()[1:]
    return np.where(lowest > np.median(lowest), 1, -1).astype(np.float32)


def _standard(grey: Grey) -> NDArray[np.float32]:
    """A 16 x 16 version as a vector of mean 0 and length 1; zeros for a picture of one colour."""
    small = cv2.resize(grey, (16, 16), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6), np.float32)


def _details(grey: Grey) -> NDArray[np.float32]:
    values = grey.astype(np.float32)
    return np.asarray(values - cv2.GaussianBlur(values, (0, 0), _DETAIL), np.float32)
