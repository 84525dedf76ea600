"""What a net of the cascade learns from: small pictures, and what each of them shows."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from edge.vision.sampling import Picture
from edge.writing import replacing

BACKGROUND, FACE, PART = 0, 1, 2
"""Kinds of sample: no face; a face, whole; a part of one, of which only the box is learnt."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Pictures of one net's size."""

    pictures: NDArray[np.uint8]
    """n x side x side x 3, RGB."""
    kinds: NDArray[np.uint8]
    """BACKGROUND, FACE or PART of each."""
    offsets: NDArray[np.float32]
    """From the edges of the window to those of the face, as shares of the window, n x 4."""
    masked: NDArray[np.bool_]
    """Whether the face wears a mask."""

    def write(self, path: Path) -> None:
        """Keep them, whole or not at all.

        Raises:
            OSError: the file cannot be written.
        """
        with replacing(path) as file:
            np.savez(
                file,
                pictures=self.pictures,
                kinds=self.kinds,
                offsets=self.offsets,
                masked=self.masked,
            )


def read_samples(path: Path) -> Samples | None:
    """Read what was kept; None where nothing usable is."""
    try:
        with np.load(path) as file:
            return Samples(*(file[name] for name in ("pictures", "kinds", "offsets", "masked")))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


class Collector:
    """Gathers samples photo by photo."""

    def __init__(self) -> None:
        self._pictures: list[NDArray[np.uint8]] = []
        self._kinds: list[int] = []
        self._offsets: list[NDArray[np.float64]] = []
        self._masked: list[bool] = []

    def add(
        self,
        picture: Picture,
        kind: int,
        window: NDArray[np.float64],
        side: float,
        face: NDArray[np.float64] | None = None,
        *,
        masked: bool = False,
    ) -> None:
        """Take one more.

        Args:
            picture: what the net is shown; copied.
            kind: BACKGROUND, FACE or PART.
            window: the square that the picture shows, pixels of the photo.
            side: what the net takes for the window's side, pixels of the photo.
            face: its box; None for background.
            masked: whether it wears a mask.
        """
        self._pictures.append(np.array(picture, np.uint8))
        self._kinds.append(kind)
        self._offsets.append(np.zeros(4) if face is None else (face - window) / side)
        self._masked.append(masked)

    def samples(self) -> Samples:
        """All that was gathered; at least one."""
        return Samples(
            np.stack(self._pictures),
            np.array(self._kinds, np.uint8),
            np.array(self._offsets, np.float32),
            np.array(self._masked, np.bool_),
        )


def some(rows: NDArray[np.intp], most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """At most so many of some rows, drawn at random."""
    return rows if len(rows) <= most else rng.choice(rows, most, replace=False)
