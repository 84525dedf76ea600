"""Feeds views of photos to a training, each in another guise every time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Input
from train.detector.collage import draw_size, four_in_one, with_heads
from train.detector.disturb import disturbed
from train.detector.stored import Picture, Stored
from train.detector.targets import targets
from train.detector.things import empty_view, with_badges, with_things
from train.detector.views import View, view_of
from train.feed.feed import WHOLE, Batch, Share

SCENES, CROPS = 0.58, 0.13
"""Shares of the views that show a part of a scene, and a crop; the others are four in one."""
HEADS = 0.45
"""Share of the views into which heads are put."""
THINGS, BADGES = 0.55, 0.08
"""Shares of the views into which things that are no faces are put, and badges above faces."""
EMPTY = 0.07
"""Share of the views that begin with no picture at all: most of what hangs in a hall does."""
SIZES, CROP_SIZES, SMALL = (10.0, 190.0), (16.0, 200.0), (12.0, 110.0)
"""Sizes of the faces that views are about, pixels: of a scene, of a crop, of one of four."""
BARE, NARROW = 2.0, 3.0
"""How much more often a scene is shown for each bare face and for each narrow one, beside one for
each face."""
APART = 7
"""Sets the draws of held-back views apart from those of a training with the same seed."""

Chances = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Draw:
    """How a batch is drawn."""

    side: int
    """Of the views."""
    batch: int
    """Views in a batch, about."""
    steps: int
    """Batches in an epoch."""
    seed: int


class ViewFeed:
    """Batches of views in every guise."""

    def __init__(self, photos: Stored, source: Input, draw: Draw) -> None:
        """Feed some photos.

        Args:
            photos: at least one scene or crop.
            source: how the device makes inputs of pixels.
            draw: how.
        """
        self._source, self._draw, self.steps = source, draw, draw.steps
        self._scenes, self._crops = photos.scenes, photos.crops
        self._scene_chances = _of_scenes(photos.scenes)
        self._crop_chances = _of_crops(photos.crops)

    def batch(self, epoch: int, step: int, share: Share = WHOLE) -> Batch:
        """Make views (rows x side x side x 3, float32, normalised) and what to learn of each."""
        rng = np.random.default_rng((self._draw.seed, epoch, step, share.index))
        views = [self.view(rng) for _ in range(-(-self._draw.batch // share.count))]
        pixels = np.stack([view.pixels for view in views])
        return self._source.values(pixels), np.stack([targets(view) for view in views])

    def view(self, rng: np.random.Generator) -> View:
        """Make one."""
        side, kind = self._draw.side, rng.random()
        if kind < SCENES:
            view = view_of(self._scene(rng), draw_size(SIZES, rng), side, rng)
        elif kind < SCENES + CROPS:
            view = view_of(self._crop(rng), draw_size(CROP_SIZES, rng), side, rng)
        elif kind < SCENES + CROPS + EMPTY:
            view = empty_view(side, lambda: self._any(rng), rng)
        else:
            view = four_in_one(side, lambda: self._any(rng), SMALL, rng)
        if rng.random() < HEADS:
            view = with_heads(view, lambda: self._crop(rng), rng)
        if rng.random() < THINGS:
            view = with_things(view, lambda: self._any(rng), rng)
        if rng.random() < BADGES:
            view = with_badges(view, rng)
        return disturbed(view, lambda: self._crop(rng), rng)

    def _scene(self, rng: np.random.Generator) -> Picture:
        if not self._scenes:
            return self._crop(rng)
        return self._scenes[int(rng.choice(len(self._scenes), p=self._scene_chances))]

    def _crop(self, rng: np.random.Generator) -> Picture:
        if not self._crops:
            return self._scene(rng)
        return self._crops[int(rng.choice(len(self._crops), p=self._crop_chances))]

    def _any(self, rng: np.random.Generator) -> Picture:
        return self._scene(rng) if rng.random() < 0.5 else self._crop(rng)


class HeldBackViews:
    """Views of photos held back, always the same, to validate on: as they are, but turned a bit."""

    def __init__(self, photos: Stored, source: Input, draw: Draw) -> None:
        self._photos = [*photos.scenes, *photos.crops]
        self._source, self._draw, self.steps = source, draw, draw.steps

    def batch(self, epoch: int, step: int, share: Share = WHOLE) -> Batch:  # noqa: ARG002
        """Give the views of a batch."""
        numbers = share.of(np.arange(self._draw.batch) + step * self._draw.batch)
        views = [self._view(int(number)) for number in numbers]
        pixels = np.stack([view.pixels for view in views])
        return self._source.values(pixels), np.stack([targets(view) for view in views])

    def _view(self, number: int) -> View:
        rng = np.random.default_rng((self._draw.seed, APART, number))
        photo = self._photos[int(rng.integers(len(self._photos)))]
        return view_of(photo, draw_size(SIZES, rng), self._draw.side, rng)


def _of_scenes(scenes: Sequence[Picture]) -> Chances:
    """By the root of their faces: a crowd's are much alike."""
    faces = np.array([len(scene.masked) for scene in scenes], float)
    bare = np.array([(~scene.masked).sum() for scene in scenes], float)
    narrow = np.array([scene.narrow.sum() for scene in scenes], float)
    return _adding_up(np.sqrt(faces) + BARE * np.sqrt(bare) + NARROW * np.sqrt(narrow))


def _of_crops(crops: Sequence[Picture]) -> Chances:
    """Masked and bare ones alike."""
    masked = np.array([crop.masked[0] for crop in crops], np.bool_)
    chances = np.ones(len(crops))
    for kind in (masked, ~masked):
        chances[kind] /= max(1, kind.sum())
    return _adding_up(chances)


def _adding_up(chances: Chances) -> Chances:
    return np.asarray(chances / max(1e-9, float(chances.sum())), np.float64)
